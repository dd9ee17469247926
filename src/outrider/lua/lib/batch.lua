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
  if event == 'complete' then redis.call('HINCRBY', batch, 'complete_unrun', 1) end
  push_all(queue, { stamp(payload, now) })
end

local function fire(bid, event, token, now)
  local batch = key_batch(bid)
  redis.call('HSET', batch, event .. '_at', now)
  local count = tonumber(redis.call('HGET', batch, 'callbacks:' .. event) or 0)
  for index = 0, count - 1 do push_callback(bid, event, index, now) end
  announce(bid, token, 1)
end

local STANDING = { 'complete_at', 'success_at', 'settled_at', 's1', 's2', 's6', 's7', 's8', 'kids',
  'kids_completed', 'kids_succeeded', 'kids_settled', 'callbacks_open', 'callbacks_bad', 'complete_unrun' }

-- How a batch stands: all numbers, 0 where there is nothing yet.
local function standing(bid)
  local is = {}
  for i, value in ipairs(redis.call('HMGET', key_batch(bid), unpack(STANDING))) do
    is[STANDING[i]] = tonumber(value or 0)
  end
  return is
end

-- Fires what has become due. `complete`: nothing waits for its first run; `settled`: nothing can run
-- any more; `success`: all succeeded, expired or were discarded by themselves. Each asks the same of
-- every child, as its parent counts it.
local function judge(bid, now)
  local is = standing(bid)
  if is.s1 > 0 then return end
  if is.complete_at == 0 and is.kids_completed == is.kids then fire(bid, 'complete', '!', now) end
  if is.s2 > 0 or is.kids_settled < is.kids then return end
  if is.success_at == 0 and is.s6 + is.s7 + is.s8 == 0 and is.kids_succeeded == is.kids then
    fire(bid, 'success', '$', now)
  end
  if is.settled_at == 0 then fire(bid, 'settled', '.', now) end
end

-- A time to live only when nothing of the batch can move any more; a revival takes it off.
local function tidy(bid, is, now)
  local settled = is.settled_at > 0 and is.s2 == 0 and is.kids_settled == is.kids
  if settled then redis.call('ZREM', key_batches, bid) else redis.call('ZADD', key_batches, now, bid) end
  if is.settled_at == 0 then return end
  local life = is.success_at > 0 and DAY or 180 * DAY
  for _, key in ipairs({ key_batch(bid), key_slots(bid), key_failures(bid), key_kids(bid) }) do
    if settled and is.callbacks_open == 0 then redis.call('EXPIRE', key, life) else redis.call('PERSIST', key) end
  end
end

-- What a batch counts as for its parent, as three bits: completed, succeeded, settled. It is judged
-- by the present state, so a revived job or callback takes its reports back.
local COUNTS = { { 1, 'kids_completed' }, { 2, 'kids_succeeded' }, { 4, 'kids_settled' } }

local function bits(is)
  local ended = is.callbacks_open == 0
  return (is.complete_at > 0 and is.complete_unrun == 0 and 1 or 0)
    + (is.success_at > 0 and ended and is.callbacks_bad == 0 and 2 or 0)
    + (is.settled_at > 0 and ended and is.s2 == 0 and is.kids_settled == is.kids and 4 or 0)
end

-- Tells the parent how a batch counts now. Returns the parent when that has changed.
local function report(bid, is)
  local parent = redis.call('HGET', key_batch(bid), 'parent')
  if not parent then return nil end
  local kids = key_kids(parent)
  local was = tonumber(redis.call('HGET', kids, bid))
  local now = bits(is)
  if not was or was == now then return nil end
  redis.call('HSET', kids, bid, now)
  for _, count in ipairs(COUNTS) do
    local change = bit.band(now, count[1]) - bit.band(was, count[1])
    if change ~= 0 then redis.call('HINCRBY', key_batch(parent), count[2], change / count[1]) end
  end
  return parent
end

-- Fires what is due in a batch, and so on up the tree as far as anything changes.
local function settle_up(bid, now)
  while bid do
    judge(bid, now)
    local is = standing(bid)
    if is.settled_at > 0 then tidy(bid, is, now) end
    bid = report(bid, is)
  end
end

-- The first death of a batch is the death of everything above it, once each.
local function mourn(bid, now)
  local above = {}
  while bid and redis.call('EXISTS', key_batch(bid)) == 1 do
    if redis.call('HEXISTS', key_batch(bid), 'death_at') == 0 then
      fire(bid, 'death', 'x', now)
      table.insert(above, bid)
    end
    bid = redis.call('HGET', key_batch(bid), 'parent')
  end
  for _, one in ipairs(above) do settle_up(one, now) end
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
  -- Death first: its callbacks are among those that settled and success wait for further up.
  if died then mourn(bid, now) end
  settle_up(bid, now)
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
local OPEN = { queued = 1, failing = 1 }
local BAD = { dead = 1, discarded = 1, deleted = 1, expired = 1 }

local function callback_is(cb, state, now)
  local bid, event, index = string.match(cb, '^(%x+):(%a+):(%d+)$')
  if not bid then return end
  local batch, field = key_batch(bid), 'cs:' .. event .. ':' .. index
  local was = redis.call('HGET', batch, field)
  if not was or was == state or was == 'succeeded' then return end
  redis.call('HSET', batch, field, state)
  local open, bad = (OPEN[state] or 0) - (OPEN[was] or 0), (BAD[state] or 0) - (BAD[was] or 0)
  if open ~= 0 then redis.call('HINCRBY', batch, 'callbacks_open', open) end
  if bad ~= 0 then redis.call('HINCRBY', batch, 'callbacks_bad', bad) end
  if event == 'complete' and was == 'queued' then redis.call('HINCRBY', batch, 'complete_unrun', -1) end
  settle_up(bid, now)
end

-- A callback that was dead and is claimed has been brought back: its batch must not expire now.
local function revive_callback(cb, now)
  local bid, name = string.match(cb, '^(%x+):(%a+:%d+)$')
  if bid and redis.call('HGET', key_batch(bid), 'cs:' .. name) == 'dead' then callback_is(cb, 'failing', now) end
end
