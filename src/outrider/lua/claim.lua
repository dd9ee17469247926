#!lua flags=allow-oom
--- @include "lib/batch"
--- @include "lib/dead"
--- @include "lib/stats"
-- Takes up to `want` jobs from the queues in the order given, into the claims of one child.
-- Paused queues are left out, jobs of a paused name go to its held list; expired jobs and members that ran
-- already are dropped, and their batch is told. It looks for others past these, as far as `PAST` and `BYTES`
-- allow, but for members: who ran already, or was cancelled, takes the room of one. Returns {1 when nothing lay there, 2 when something did, 3 when more may lie there; first
-- token, payload ...}, or {0} when the child is fenced (its lease lapsed).
-- A request sent again is answered with what the first one took.
local owners, claims = key_owners(identity), key_claims(identity .. ':' .. child)
local last, first, had = string.match(redis.call('HGET', owners, child) or '', '^(%d+) (%d+) (%d+)')
if not last or request < tonumber(last) then return { 0 } end
if request == tonumber(last) then
  local answer = { tonumber(had) > 0 and 3 or 1, tonumber(first) }
  for token = tonumber(first), tonumber(first) + tonumber(had) - 1 do
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

-- Names of paused jobs; hardly ever any.
local paused, held = {}, {}
for _, name in ipairs(redis.call('SMEMBERS', key_pausednames)) do paused[name] = true end

-- Puts a job of a paused name aside, for its held list. It comes back to the queue that it names.
local function put_aside(payload, queue)
  local name = name_of(payload)
  if not name or not paused[name] then return false end
  local _, home = read(payload)
  if home ~= queue and not is_plain(payload) then payload = append(payload, '"queue":"' .. queue .. '"') end
  if not held[name] then held[name] = {} end
  table.insert(held[name], payload)
  return true
end

-- Whether its process was killed at its timeout: `recall` has spliced that in last, so that no argument of
-- the user's is meant.
local function was_killed(payload)
  return string.find(string.sub(payload, -300), ',"timed_out":[%d.]+[^{}]*}$') ~= nil
end

-- Whether a job may run; what should not is noted for its place. Nothing that has lapsed ever runs.
local function admit(payload, queue, at)
  if next(paused) and put_aside(payload, queue) then return false end
  if is_plain(payload) then return payload end
  local batch, number, its_queue = member_of(payload)
  if its_queue == queue then note_member(batch, number, at); return payload end
  local jid, home, bid, cb, expiry = read(payload)
  if not jid then table.insert(unreadable, payload); return false end
  if home ~= queue then
    payload = append(payload, '"queue":"' .. queue .. '"')
  end
  -- Whose process was killed at its timeout has failed with that, and its child is to say so: not expired.
  local lapsed = expiry and expiry * 1000 < now and not was_killed(payload)
  if bid then
    note_member(bid, member_number(jid), at, lapsed)
  elseif lapsed then
    table.insert(late, { payload = payload, cb = cb })
    return false
  elseif cb then
    table.insert(callbacks, cb)
  end
  return payload, lapsed
end

local function has_run(payload)
  if not string.find(payload, '"retry_count"', 1, true) then return false end
  local ok, job = pcall(cjson.decode, payload)
  return ok and job.retry_count ~= nil
end

-- How many jobs that don't run, and how much of them, a claim looks past: a script has to be brief. Where it
-- has met one, it reads on by STEP.
local PAST, BYTES, STEP = 500, 262144, 20
local room, past, size = want, 0, 0

local function draw(queue)
  local at = 0
  while room > 0 and past < PAST and size < BYTES do
    local most = past > 0 and math.max(room, STEP) or room
    local found = redis.call('LRANGE', key_queue(queue), -at - most, -at - 1)
    for i = #found, 1, -1 do
      if room == 0 or past == PAST or size >= BYTES then break end
      local payload, lapsed = admit(found[i], queue, #taken + 1)
      table.insert(taken, payload)
      if payload and not lapsed then room = room - 1 else past, size = past + 1, size + #found[i] end
      at = at + 1
    end
    if #found < most then break end
  end
  if at > 0 then table.insert(trims, { queue, at }) end
end

for _, queue in ipairs(queues) do
  if redis.call('SISMEMBER', key_paused, queue) == 0 then draw(queue) end
end
local left = (room == 0 or past == PAST or size >= BYTES) and 3 or #taken > 0 and 2 or 1

-- Members of batches: one look at their slots decides who runs. Those of a batch that is forgotten
-- run as plain jobs, and are told so; unless it was cancelled.
local FORGOTTEN = '"forgotten":true'
local changes, audited, expired = {}, {}, 0
for bid, list in pairs(members) do
  local slots, change = slots_of(bid), {}
  local function becomes(number, state)
    table.insert(change, number); table.insert(change, state)
    -- `advance` writes it; a copy of the job that lies behind it is to see it now.
    if may_become(state_of(slots, number), state) then set_state(slots, number, state) end
  end
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
        if state == WAITING then becomes(member.number, EXPIRED); expired = expired + 1 end
        taken[member.at] = false
      elseif not known and string.sub(taken[member.at], -#FORGOTTEN - 1) ~= FORGOTTEN .. '}' then
        taken[member.at] = append(taken[member.at], FORGOTTEN)
      end
    end
  end
  if #change > 0 then changes[bid] = change end
end

local fields, answer, n = {}, { left, 0 }, 0
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
  if dies then table.insert(unreadable, job.payload) else expired = expired + 1 end
  if job.cb then callback_is(job.cb, dies and 'dead' or 'expired') end
end
bury(unreadable, now)
count('expired', expired, day)
for name, payloads in pairs(held) do
  redis.call('SADD', key_heldnames, name)
  call_many('LPUSH', key_held(name), payloads)
end
for _, trim in ipairs(trims) do redis.call('LTRIM', key_queue(trim[1]), 0, -trim[2] - 1) end
for bid, change in pairs(changes) do advance(bid, change, now) end
for _, bid in ipairs(audited) do void_audit(bid) end
for _, cb in ipairs(callbacks) do revive_callback(cb) end
settle_all(now)
return answer
