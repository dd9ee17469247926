-- Whether a jid is a number of this batch: only then is its slot looked up. Others may write anything,
-- and a number past the longest string (2^32 bits) would make every claim of its queue fail.
local function is_number_of(jid, bid)
  return string.sub(jid, 1, -9) == bid and string.find(jid, '^[0-3]%x%x%x%x%x%x%x$', -8) ~= nil
end

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
    if value then bid, at = is_number_of(jid, value) and value or nil, past end
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
  bid = text(job.bid)
  if bid and not is_number_of(job.jid, bid) then bid = nil end
  return job.jid, text(job.queue), bid, text(job.cb), tonumber(job.expiry)
end

-- The name of the job, by which it may be paused; nil when it is no job.
local EARLY = { '^"bid":"%x+",()', '^"cb":"[%w:]+",()', '^"expiry":[%d.]+,()' }

local function name_of(payload)
  local at = string.match(payload, '^{"jid":"[^"\\]+",()')
  for _, field in ipairs(EARLY) do at = at and (string.match(payload, field, at) or at) end
  local name = at and string.match(payload, '^"class":"([^"\\]+)","queue":"[^"\\]+"', at)
  if name then return name end
  local ok, job = pcall(cjson.decode, payload)
  if ok and type(job) == 'table' and type(job.jid) == 'string' and type(job.class) == 'string' then
    return job.class
  end
end

-- Batch, number and queue of a member whose payload is as ours are when they have no deadline: all in
-- its place. nil for all others, members among them.
local function member_of(payload)
  if string.sub(payload, 33, 41) ~= '","bid":"' or string.sub(payload, 1, 8) ~= '{"jid":"' then return nil end
  local bid, number = string.sub(payload, 9, 24), tonumber(string.sub(payload, 25, 32), 16)
  if string.sub(payload, 42, 57) ~= bid or not number or number >= 0x40000000 then return nil end
  local queue = string.match(payload, '^","class":"[^"\\]+","queue":"([^"\\]+)"', 58)
  if queue then return bid, number, queue end
end

-- The queue of a payload as ours are that belong to no batch and have no deadline; nil for all others. Who
-- asks has many, and those in a row mostly have the same text after the jid: it is looked at once.
local PLAIN = '^{"jid":"[^"\\]+","class":"[^"\\]+","queue":"([^"\\]+)"()'
local find, byte = string.find, string.byte
local same, same_queue

local function plain_queue(payload)
  local is_usual = find(payload, '"', 9, true) == 33 and byte(payload, 32) ~= 92
    and find(payload, '{"jid":"', 1, true) == 1
  if is_usual and same and find(payload, same, 33, true) == 33 then return same_queue end
  local queue, past = string.match(payload, PLAIN)
  if queue and is_usual then same, same_queue = string.sub(payload, 33, past - 1), queue end
  return queue
end

local function is_plain(payload) return plain_queue(payload) ~= nil end

-- The number of a member in its batch: the last eight hex digits of its jid.
local function member_number(jid)
  return tonumber(string.sub(jid, -8), 16)
end

local function seconds(ms) return string.format('%.3f', ms / 1000) end

-- Adds a last field by splicing text; other clients may end a payload with blanks, or too early.
local function append(payload, field)
  if byte(payload, -1) ~= 125 then payload = string.match(payload, '^(.*})%s*$') or payload .. '}' end
  return string.sub(payload, 1, -2) .. ',' .. field .. '}'
end

local function stamp_of(ms) return '"enqueued_at":' .. seconds(ms) end

local function stamp(payload, ms) return append(payload, stamp_of(ms)) end
