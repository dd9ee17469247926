#!lua flags=allow-oom
--- @include "lib/batch"
--- @include "lib/dead"
-- Takes up to `want` jobs from the queues in the order given, into the claims of one child.
-- Paused queues are left out; expired jobs and members that ran already are dropped, and their batch
-- is told. Returns {1, first token, payload ...}, or {0} when the child is fenced (its lease lapsed).
-- A request sent again is answered with what the first one took.
local owners, claims = key_owners(identity), key_claims(identity .. ':' .. child)
local last, first, count = string.match(redis.call('HGET', owners, child) or '', '^(%d+) (%d+) (%d+)')
if not last or request < tonumber(last) then return { 0 } end
if request == tonumber(last) then
  local answer = { 1, tonumber(first) }
  for token = tonumber(first), tonumber(first) + tonumber(count) - 1 do
    table.insert(answer, redis.call('HGET', claims, token) or '')
  end
  return answer
end

local taken, trims, members, unreadable, late, callbacks = {}, {}, {}, {}, {}, {}

local function note_member(bid, number, at, lapsed)
  local list = members[bid]
  if not list then list = {}; members[bid] = list end
  list[#list + 1] = { number = number, at = at, lapsed = lapsed }
end

-- Whether a job should run; what should not is noted for its place.
local function admit(payload, queue, at)
  if is_plain(payload) then return payload end
  local batch, number, its_queue = member_of(payload)
  if its_queue == queue then note_member(batch, number, at); return payload end
  local jid, home, bid, cb, expiry = read(payload)
  if not jid then table.insert(unreadable, payload); return false end
  if home ~= queue then
    payload = append(payload, '"queue":"' .. queue .. '"')
  end
  local lapsed = expiry and expiry * 1000 < now
  if bid then
    note_member(bid, member_number(jid), at, lapsed)
  elseif lapsed then
    table.insert(late, { payload = payload, cb = cb })
    return false
  elseif cb then
    table.insert(callbacks, cb)
  end
  return payload
end

local function has_run(payload)
  local ok, job = pcall(cjson.decode, payload)
  return ok and job.retry_count ~= nil
end

for _, queue in ipairs(queues) do
  if #taken >= want then break end
  if redis.call('SISMEMBER', key_paused, queue) == 0 then
    local found = redis.call('LRANGE', key_queue(queue), #taken - want, -1)
    for i = #found, 1, -1 do table.insert(taken, admit(found[i], queue, #taken + 1)) end
    if #found > 0 then table.insert(trims, { queue, #found }) end
  end
end

-- Members of batches: one look at their slots decides who runs. Those of a batch that is forgotten
-- run as plain jobs, and are told so; unless it was cancelled.
local FORGOTTEN = '"forgotten":true'
local changes, audited = {}, {}
for bid, list in pairs(members) do
  local slots, change = slots_of(bid), {}
  local function becomes(number, state) table.insert(change, number); table.insert(change, state) end
  local known, cancelled, audit = unpack(redis.call('HMGET', key_batch(bid), 'v', 'cancelled_at', 'audit'))
  if not known then cancelled = redis.call('ZSCORE', key_cancelled, bid) end
  if audit then table.insert(audited, bid) end
  for _, member in ipairs(list) do
    local state = state_of(slots, member.number)
    if cancelled then
      -- It does not start. What waited or failed is cancelled; the rest stays what it is.
      if state > 0 then becomes(member.number, CANCELLED) end
      taken[member.at] = false
    else
      if state == DEAD then becomes(member.number, FAILING); state = FAILING end
      if member.lapsed and state == 0 then
        table.insert(late, { payload = taken[member.at] })
        taken[member.at] = false
      elseif member.lapsed and state == FAILING then
        becomes(member.number, DEAD)
        table.insert(unreadable, taken[member.at])
        taken[member.at] = false
      elseif member.lapsed or state > FAILING then
        if state == WAITING then becomes(member.number, EXPIRED) end
        taken[member.at] = false
      elseif not known and string.sub(taken[member.at], -#FORGOTTEN - 1) ~= FORGOTTEN .. '}' then
        taken[member.at] = append(taken[member.at], FORGOTTEN)
      end
    end
  end
  if #change > 0 then changes[bid] = change end
end

local fields, answer, n = {}, { 1, 0 }, 0
for _, payload in ipairs(taken) do if payload then n = n + 1; answer[n + 2] = payload end end
first = redis.call('INCRBY', key_tokens, n) - n + 1
-- A server that lost its last moments counts from before: no token is given to a child twice.
if first <= seen then first = redis.call('INCRBY', key_tokens, seen + 1 - first) - n + 1 end
answer[2] = first
for i = 1, n do
  fields[2 * i - 1], fields[2 * i] = string.format('%d', first + i - 1), answer[i + 2]
end
if n > 0 then call_many('HSET', claims, fields) end
redis.call('HSET', owners, child, string.format('%d %d %d', request, first, n))
for _, job in ipairs(late) do
  -- An attempt was made already: it dies with its error. One that never ran is simply over.
  local dies = has_run(job.payload)
  if dies then table.insert(unreadable, job.payload) end
  if job.cb then callback_is(job.cb, dies and 'dead' or 'expired') end
end
bury(unreadable, now)
for _, trim in ipairs(trims) do redis.call('LTRIM', key_queue(trim[1]), 0, -trim[2] - 1) end
for bid, change in pairs(changes) do advance(bid, change, now) end
for _, bid in ipairs(audited) do void_audit(bid) end
for _, cb in ipairs(callbacks) do revive_callback(cb) end
settle_all(now)
return answer
