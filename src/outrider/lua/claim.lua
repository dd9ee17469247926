#!lua flags=allow-oom
--- @include "lib/batch"
--- @include "lib/dead"
--- @include "lib/news"
--- @include "lib/stats"
--- @include "lib/within"
-- Takes up to `want` jobs from the queues in the order given, into the claims of one child.
-- Paused queues are left out, jobs of a paused name go to its held list; expired jobs and members that ran
-- already or were cancelled are dropped, and their batch is told. It looks for others past these, as far as
-- `PAST` and `BYTES` allow. Returns {1 when nothing lay there, 2 when something did, 3 when more may lie
-- there; first token, payload ...}, or {0} when the child is fenced (its lease lapsed).
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

local taken, trims, batches, unreadable, late, callbacks, expired = {}, {}, {}, {}, {}, {}, {}
local changed = 0

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

-- What decides of its members, looked up once; `changes` are their new states.
local function batch_of(bid)
  local batch = batches[bid]
  if not batch then
    local known, cancelled, audit = unpack(redis.call('HMGET', key_batch(bid), 'v', 'cancelled_at', 'audit'))
    if not known then cancelled = redis.call('ZSCORE', key_cancelled, bid) end
    batch = { known = known, cancelled = cancelled, audit = audit, slots = slots_of(bid), changes = {} }
    batches[bid] = batch
  end
  return batch
end

local function becomes(batch, number, state)
  if not may_become(state_of(batch.slots, number), state) then return end
  if #batch.changes == 0 then changed = changed + 1 end
  table.insert(batch.changes, number); table.insert(batch.changes, state)
  -- `advance` writes it; a copy of the job that lies behind it is to see it now.
  set_state(batch.slots, number, state)
end

-- Whether a member may run. One of a batch that is forgotten runs as a plain job, and is told so; unless it
-- was cancelled.
local FORGOTTEN = '"forgotten":true'

local function admit_member(payload, bid, number, lapsed)
  local batch = batch_of(bid)
  local state = state_of(batch.slots, number)
  if batch.cancelled then
    -- It does not start. What waited or failed is cancelled; the rest stays what it is.
    becomes(batch, number, CANCELLED)
    return false
  end
  if state == DEAD then becomes(batch, number, FAILING); state = FAILING end
  if lapsed and state == 0 then
    table.insert(late, { payload = payload })
  elseif lapsed and state == FAILING then
    becomes(batch, number, DEAD)
    table.insert(unreadable, payload)
  elseif lapsed or state > FAILING then
    if state == WAITING then becomes(batch, number, EXPIRED); table.insert(expired, payload) end
  elseif not batch.known and string.sub(payload, -#FORGOTTEN - 1) ~= FORGOTTEN .. '}' then
    return append(payload, FORGOTTEN)
  else
    return payload
  end
  return false
end

-- Whether a job may run, and as what; what should not is noted for its place. Nothing that has lapsed ever
-- runs.
local function admit(payload, queue)
  if next(paused) and put_aside(payload, queue) then return false end
  if is_plain(payload) then return payload end
  local batch, number, its_queue = member_of(payload)
  if its_queue == queue then return admit_member(payload, batch, number) end
  local jid, home, bid, cb, expiry = read(payload)
  if not jid then table.insert(unreadable, payload); return false end
  if home ~= queue then
    payload = append(payload, '"queue":"' .. queue .. '"')
  end
  -- Whose process was killed at its timeout has failed with that, and its child is to say so: not expired.
  local lapsed = expiry and expiry * 1000 < now and not was_killed(payload)
  if bid then return admit_member(payload, bid, member_number(jid), lapsed) end
  if lapsed then
    table.insert(late, { payload = payload, cb = cb })
    if cb then changed = changed + 1 end
    return false
  end
  if cb then table.insert(callbacks, cb) end
  return payload
end

local function has_run(payload)
  if not string.find(payload, '"retry_count"', 1, true) then return false end
  local ok, job = pcall(cjson.decode, payload)
  return ok and job.retry_count ~= nil
end

-- How many jobs that don't run a claim looks past, and how many batches these may change, as each may be
-- settled by it: a script has to be brief. Where it has met one, it reads on by AHEAD.
local PAST, CHANGED, AHEAD = 500, 50, 20
local past, size = 0, 0

local function is_full() return #taken == want or past == PAST or changed == CHANGED or size >= BYTES end

local function draw(queue)
  local at = 0
  while not is_full() do
    local most = past > 0 and math.max(want - #taken, AHEAD) or want - #taken
    local found = within(most, BYTES - size, function(first, last)
      return from_tail(key_queue(queue), at + first, at + last)
    end)
    for i = 1, #found do
      if is_full() then break end
      local payload = admit(found[i], queue)
      if payload then taken[#taken + 1] = payload else past = past + 1 end
      at, size = at + 1, size + #found[i]
    end
    if #found < most then break end
  end
  if at > 0 then table.insert(trims, { queue, at }) end
end

for _, queue in ipairs(queues) do
  if redis.call('SISMEMBER', key_paused, queue) == 0 then draw(queue) end
end
local left = is_full() and 3 or #trims > 0 and 2 or 1

local fields, answer, n = {}, { left, 0, unpack(taken) }, #taken
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
  table.insert(dies and unreadable or expired, job.payload)
  if job.cb then callback_is(job.cb, dies and 'dead' or 'expired') end
end
bury(unreadable, now)
count('expired', #expired, day)
for name, payloads in pairs(held) do
  redis.call('SADD', key_heldnames, name)
  call_many('LPUSH', key_held(name), payloads)
end
for _, trim in ipairs(trims) do redis.call('LTRIM', key_queue(trim[1]), 0, -trim[2] - 1) end
for bid, batch in pairs(batches) do
  if #batch.changes > 0 then advance(bid, batch.changes, now) end
  if batch.audit then void_audit(bid) end
end
for _, cb in ipairs(callbacks) do revive_callback(cb) end
settle_all(now)
tell_news('job.expired', expired)
tell_news('job.buried', unreadable)
return answer
