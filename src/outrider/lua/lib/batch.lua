--- @include "lib/payload"
--- @include "lib/lists"
-- The accounting of batches: a state per job that only goes forward, counts that change only when a
-- state does, and events that fire in the step that makes them due. Contract: docs/batches.md.
local WAITING, FAILING, SUCCEEDED, EXPIRED = 1, 2, 3, 4
local DISCARDED, DEAD, CANCELLED, DELETED = 5, 6, 7, 8
local NEXT = { '2345678', '35678', '', '', '', '2' }
local CALLBACK_BASE = { complete = 0xF0000000, success = 0xF1000000, death = 0xF2000000, settled = 0xF3000000 }
local DAY = 86400

local function may_become(from, to)
  return string.find(NEXT[from] or '', tostring(to), 1, true) ~= nil
end

local function slot_states(bid, numbers)
  local ops = {}
  for _, number in ipairs(numbers) do
    table.insert(ops, 'GET'); table.insert(ops, 'u4'); table.insert(ops, '#' .. number)
  end
  return redis.call('BITFIELD', key_slots(bid), unpack(ops))
end

-- Tokens of the progress channel; a server without listeners is not troubled with them.
local function announce(bid, token, times)
  local channel = prefix .. 'batch-' .. bid
  if redis.call('PUBSUB', 'NUMSUB', channel)[2] == 0 and redis.call('PUBSUB', 'NUMPAT') == 0 then return end
  for _ = 1, times do redis.call('PUBLISH', channel, token) end
end

-- Pushes one callback job. Its jid is the same for ever, whatever happens to the server in between.
local function push_callback(bid, event, index, now)
  local batch, name = key_batch(bid), event .. ':' .. index
  local callback = cjson.decode(redis.call('HGET', batch, 'cb:' .. name))
  local queue = callback[1]
  if queue == '' then queue = redis.call('HGET', batch, 'queue') or 'default' end
  local payload = string.format('{"jid":"%s%08x","cb":"%s:%s","class":"%s","queue":"%s",%s,"created_at":%s}',
    bid, CALLBACK_BASE[event] + index, bid, name, callback[2], queue, callback[3], seconds(now))
  redis.call('HSET', batch, 'cs:' .. name, 'queued')
  redis.call('HINCRBY', batch, 'callbacks_open', 1)
  push_all(queue, { stamp(payload, now) })
end

local function fire(bid, event, token, now)
  local batch = key_batch(bid)
  redis.call('HSET', batch, event .. '_at', now)
  local count = tonumber(redis.call('HGET', batch, 'callbacks:' .. event) or 0)
  for index = 0, count - 1 do push_callback(bid, event, index, now) end
  announce(bid, token, 1)
end

-- A time to live only when nothing of the batch can move any more; a revival takes it off.
local function keep_or_expire(bid, finished)
  for _, key in ipairs({ key_batch(bid), key_slots(bid), key_failures(bid) }) do
    if finished then redis.call('EXPIRE', key, finished) else redis.call('PERSIST', key) end
  end
end

local function tidy(bid, now)
  local batch = key_batch(bid)
  local known = redis.call('HMGET', batch, 'settled_at', 'callbacks_open', 'success_at', 's2')
  local settled = known[1] and tonumber(known[4] or 0) == 0
  if settled then redis.call('ZREM', key_batches, bid) else redis.call('ZADD', key_batches, now, bid) end
  if settled and tonumber(known[2] or 0) <= 0 then
    keep_or_expire(bid, known[3] and DAY or 180 * DAY)
  elseif known[1] then
    keep_or_expire(bid, nil)
  end
end

-- Fires what has become due. `complete`: nothing waits for its first run; `settled`: nothing can run
-- any more; `success`: all succeeded, expired or were discarded by themselves.
local function judge(bid, now)
  local known = redis.call('HMGET', key_batch(bid), 'complete_at', 'success_at', 'settled_at',
    's1', 's2', 's6', 's7', 's8')
  local n = {}
  for i = 4, 8 do n[i - 3] = tonumber(known[i] or 0) end
  if n[1] > 0 then return end
  if not known[1] then fire(bid, 'complete', '!', now) end
  if n[2] > 0 then return end
  if not known[2] and n[3] + n[4] + n[5] == 0 then fire(bid, 'success', '$', now) end
  if not known[3] then fire(bid, 'settled', '.', now) end
  tidy(bid, now)
end

local function shift_counts(batch, delta)
  for state = 1, 8 do
    if (delta[state] or 0) ~= 0 then redis.call('HINCRBY', batch, 's' .. state, delta[state]) end
  end
end

-- Moves members of one batch to new states: `changes` is a list of {number, state}. Moves that are
-- not allowed from the present state change nothing, so a repeated or late report counts once.
local function advance(bid, changes, now)
  local batch = key_batch(bid)
  if redis.call('EXISTS', batch) == 0 then return end
  local numbers, states = {}, {}
  for i, change in ipairs(changes) do numbers[i] = change[1] end
  for i, state in ipairs(slot_states(bid, numbers)) do states[numbers[i]] = state end
  local ops, delta, healed, died, succeeded, failed = {}, {}, {}, false, 0, 0
  for _, change in ipairs(changes) do
    local number, to = change[1], change[2]
    local from = states[number]
    if may_become(from, to) then
      table.insert(ops, 'SET'); table.insert(ops, 'u4'); table.insert(ops, '#' .. number); table.insert(ops, to)
      delta[from], delta[to], states[number] = (delta[from] or 0) - 1, (delta[to] or 0) + 1, to
      if to == DEAD then died = true end
      if to == SUCCEEDED then succeeded = succeeded + 1 end
      if from == FAILING and to ~= DEAD then table.insert(healed, number) end
    end
    if to == DEAD or (to == FAILING and from ~= DEAD) then failed = failed + 1 end
  end
  if failed > 0 then announce(bid, '-', failed) end
  if #ops == 0 then return end
  redis.call('BITFIELD', key_slots(bid), unpack(ops))
  shift_counts(batch, delta)
  if #healed > 0 then redis.call('HDEL', key_failures(bid), unpack(healed)) end
  if succeeded > 0 then announce(bid, '+', succeeded) end
  if died and redis.call('HEXISTS', batch, 'death_at') == 0 then fire(bid, 'death', 'x', now) end
  judge(bid, now)
  if (delta[DEAD] or 0) < 0 then tidy(bid, now) end
end

-- Notes why a member failed, for `failure_info`; the newest thousand are enough to look at.
local function note_failure(bid, number, text)
  local failures = key_failures(bid)
  if redis.call('HLEN', failures) < 1000 or redis.call('HEXISTS', failures, number) == 1 then
    redis.call('HSET', failures, number, text)
  end
end

-- Notes what became of a callback job. `cb` is bid:event:index, as its payload carries it. Success
-- is for good: what becomes of a copy delivered twice changes nothing.
local function callback_is(cb, state, now)
  local bid, name = string.match(cb, '^(%x+):(%a+:%d+)$')
  if not bid then return end
  local batch = key_batch(bid)
  local was = redis.call('HGET', batch, 'cs:' .. name)
  if not was or was == state or was == 'succeeded' then return end
  local function open(value) return value == 'queued' or value == 'failing' end
  redis.call('HSET', batch, 'cs:' .. name, state)
  local change = (open(state) and 1 or 0) - (open(was) and 1 or 0)
  if change ~= 0 then redis.call('HINCRBY', batch, 'callbacks_open', change) end
  tidy(bid, now)
end

-- A callback that was dead and is claimed has been brought back: its batch must not expire now.
local function revive_callback(cb, now)
  local bid, name = string.match(cb, '^(%x+):(%a+:%d+)$')
  if bid and redis.call('HGET', key_batch(bid), 'cs:' .. name) == 'dead' then callback_is(cb, 'failing', now) end
end
