-- Reads a payload without re-encoding it. Ours begin with a fixed prefix, so one anchored match does;
-- an unanchored search would find "expiry" inside a job's arguments. Others are decoded to read.
-- Returns jid, queue, bid, cb, expiry; nil when it is no job. Fields that are absent are nil.
local function read(payload)
  local jid, queue = string.match(payload, '^{"jid":"([^"\\]+)","class":"[^"\\]+","queue":"([^"\\]+)"')
  if jid then return jid, queue end
  local at, bid, cb, expiry
  jid, at = string.match(payload, '^{"jid":"([^"\\]+)",()')
  if jid then
    local value, past = string.match(payload, '^"bid":"(%x+)",()', at)
    if value then bid, at = value, past end
    value, past = string.match(payload, '^"cb":"([%w:]+)",()', at)
    if value then cb, at = value, past end
    value, past = string.match(payload, '^"expiry":([%d.]+),()', at)
    if value then expiry, at = tonumber(value), past end
    queue = string.match(payload, '^"class":"[^"\\]+","queue":"([^"\\]+)"', at)
    if queue then return jid, queue, bid, cb, expiry end
  end
  local ok, job = pcall(cjson.decode, payload)
  if not ok or type(job) ~= 'table' or type(job.jid) ~= 'string' or type(job.class) ~= 'string' then
    return nil
  end
  local function text(value) return type(value) == 'string' and value ~= '' and value or nil end
  return job.jid, text(job.queue), text(job.bid), text(job.cb), tonumber(job.expiry)
end

local function is_plain(payload)
  return string.find(payload, '^{"jid":"[^"\\]+","class":"[^"\\]+","queue":"') ~= nil
end

-- The number of a member in its batch: the last eight hex digits of its jid.
local function member_number(jid)
  return tonumber(string.sub(jid, -8), 16)
end

local function seconds(ms) return string.format('%.3f', ms / 1000) end

-- Adds enqueued_at as the last field by splicing text.
local function stamp(payload, ms)
  return string.sub(payload, 1, -2) .. ',"enqueued_at":' .. seconds(ms) .. '}'
end
