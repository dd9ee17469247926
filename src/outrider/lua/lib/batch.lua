--- @include "lib/line"
--- @include "lib/payload"
--- @include "lib/lists"
--- @include "lib/slots"
-- The accounting of batches: a state per job that only goes forward, counts that change only when a
-- state does, and events that fire in the step that makes them due. Contract: docs/batches.md.
local WAITING, FAILING, SUCCEEDED, EXPIRED = 1, 2, 3, 4
local DISCARDED, DEAD, CANCELLED, DELETED = 5, 6, 7, 8
local function set(...)
  local found = {}
  for _, state in ipairs({ ... }) do found[state] = true end
  return found
end
-- From each state the states that may follow.
local NEXT = { set(2, 3, 4, 5, 6, 7, 8), set(3, 5, 6, 7, 8), [6] = set(2) }
local CALLBACK_BASE = { complete = 0xF0000000, success = 0xF1000000, death = 0xF2000000, settled = 0xF3000000 }
local DAY = 86400

local function may_become(from, to)
  return NEXT[from] and NEXT[from][to]
end

-- Tokens of the progress channel; a server without listeners is not troubled with them.
local function announce(bid, token, times)
  local channel = channel_progress(bid)
  if redis.call('PUBSUB', 'NUMSUB', channel)[2] == 0 and redis.call('PUBSUB', 'NUMPAT') == 0 then return end
  for _ = 1, times do redis.call('PUBLISH', channel, token) end
end

-- Pushes one callback job. Its jid is the same for ever, whatever happens to the server in between.
local function push_callback(bid, event, index, now)
  local batch, name = key_batch(bid), event .. ':' .. index
  local asked, text = unpack(redis.call('HMGET', batch, 'callback_queue', 'cb:' .. name))
  local callback = cjson.decode(text)
  local queue = asked or callback[1]
  if queue == '' then queue = redis.call('HGET', batch, 'queue') end
  if not queue or not is_queue(queue) then queue = 'default' end
  local expiry = callback[4] and string.format('"expiry":%s,', seconds(now + callback[4] * 1000)) or ''
  local payload = string.format('{"jid":"%s%08x","cb":"%s:%s",%s"class":"%s","queue":"%s",%s,"created_at":%s}',
    bid, CALLBACK_BASE[event] + index, bid, name, expiry, callback[2], queue, callback[3], seconds(now))
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
  'kids_completed', 'kids_succeeded', 'kids_settled', 'callbacks_open', 'callbacks_bad', 'complete_unrun',
  'holds', 'barred', 'cancelled_at', 'total', 's3', 's4', 's5', 'success_ratio', 'success_count', 'forget' }

-- How a batch stands: all numbers, 0 where there is nothing yet.
local function standing(bid)
  local is = {}
  for i, value in ipairs(redis.call('HMGET', key_batch(bid), unpack(STANDING))) do
    is[STANDING[i]] = tonumber(value or 0)
  end
  return is
end

-- Whether what has been reached is enough: everything, or the part that was asked for.
local function is_well(is)
  if is.cancelled_at > 0 then return false end
  if is.kids_succeeded < is.kids or is.barred > 0 then return false end
  if is.success_ratio + is.success_count == 0 then return is.s6 + is.s7 + is.s8 == 0 end
  -- The product of a ratio may lie a hair above the whole number that is meant: 0.55 * 100.
  local good, of = is.s3 + is.s4, is.total - is.s5 - is.s8
  return good + 1e-6 >= is.success_ratio * of and good >= math.min(is.success_count, of)
end

-- Whether the conditions of complete, success and settled hold now: nothing waits for its first run;
-- all succeeded, expired or were discarded by themselves; nothing can run any more. Each asks the same
-- of every child, as its parent counts it. A hold bars all three; one that lapsed bars success.
local function due(is)
  local complete = is.s1 == 0 and is.kids_completed == is.kids and is.holds == 0
  local settled = complete and is.s2 == 0 and is.kids_settled == is.kids
  return complete, settled and is_well(is), settled
end

-- Fires what has become due. Returns whether anything has.
local function judge(bid, is, now)
  local complete, success, settled = due(is)
  local fires = { complete and is.complete_at == 0, success and is.success_at == 0, settled and is.settled_at == 0 }
  if fires[1] then fire(bid, 'complete', '!', now) end
  if fires[2] then fire(bid, 'success', '$', now) end
  if fires[3] then fire(bid, 'settled', '.', now) end
  return fires[1] or fires[2] or fires[3]
end

-- What a batch counts as for its parent, as three bits: completed, succeeded, settled. The event has
-- fired and would be due now too, so a revived job takes its reports back, and so does a callback.
local COUNTS = { { 1, 'kids_completed' }, { 2, 'kids_succeeded' }, { 4, 'kids_settled' } }

local function bits(is)
  local complete, success, settled = due(is)
  local ended = is.callbacks_open == 0
  return (complete and is.complete_unrun == 0 and 1 or 0)
    + (success and ended and is.callbacks_bad == 0 and 2 or 0)
    + (settled and ended and 4 or 0)
end

-- A batch is at rest when nothing of it can move any more. Only then it has a time to live, and
-- nobody needs to look for what it waits for; a revival takes both back.
local function at_rest(is)
  return is.settled_at > 0 and bit.band(bits(is), 4) > 0
end

-- Cancelled jobs that still lie on queues must not run when their batch is known no more, from `at` on.
local function outlaw(bid, at, now)
  redis.call('ZADD', key_cancelled, at, bid)
  redis.call('ZREMRANGEBYSCORE', key_cancelled, '-inf', string.format('%d', now - 180 * DAY * 1000))
end

local function tidy(bid, is, now)
  local _, _, settled = due(is)
  if settled then redis.call('ZREM', key_batches, bid) else redis.call('ZADD', key_batches, now, bid) end
  local rests, life = at_rest(is), bit.band(bits(is), 2) > 0 and DAY or 180 * DAY
  for _, key in ipairs({ key_batch(bid), key_slots(bid), key_failures(bid), key_kids(bid) }) do
    if rests then redis.call('EXPIRE', key, life) else redis.call('PERSIST', key) end
  end
  if rests then redis.call('ZREM', key_audit, bid) else redis.call('ZADD', key_audit, 'NX', now, bid) end
  if rests and is.cancelled_at > 0 then outlaw(bid, now + life * 1000, now) end
end

-- Removes what is left of a batch that is known no more.
local function remove_keys(bid)
  redis.call('UNLINK', key_batch(bid), key_slots(bid), key_failures(bid), key_kids(bid))
  for _, key in ipairs({ key_batches, key_audit, key_cancelling, key_deaths }) do redis.call('ZREM', key, bid) end
end

local function forget(bid, is, now)
  if is.cancelled_at > 0 then outlaw(bid, now, now) end
  remove_keys(bid)
end

-- A job has been moved against the order in which an audit looks: what that finds missing may live.
local function void_audit(bid) redis.call('HDEL', key_batch(bid), 'audit') end

local function recount(parent, bid, was, now)
  redis.call('HSET', key_kids(parent), bid, now)
  for _, count in ipairs(COUNTS) do
    local change = bit.band(now, count[1]) - bit.band(was, count[1])
    if change ~= 0 then redis.call('HINCRBY', key_batch(parent), count[2], change / count[1]) end
  end
end

-- Tells the parent how a batch counts now. Returns the parent when that has changed.
local function report(bid, is)
  local parent = redis.call('HGET', key_batch(bid), 'parent')
  if not parent then return nil end
  local was = tonumber(redis.call('HGET', key_kids(parent), bid))
  local now = bits(is)
  if not was or was == now then return nil end
  recount(parent, bid, was, now)
  return parent
end

-- Batches that this script has changed, by their level in the tree.
local touched, deepest = {}, -1

local function touch(bid)
  local known = redis.call('HMGET', key_batch(bid), 'v', 'level')
  if not known[1] then return end
  local level = tonumber(known[2] or 0)
  for above = deepest + 1, level do touched[above] = {} end
  deepest = math.max(deepest, level)
  if not touched[level][bid] then
    touched[level][bid] = true
    table.insert(touched[level], bid)
  end
end

-- The last act of a script: fires what is due in all that it has changed, and so on up the trees as
-- far as anything changes. Deep ones first, so that each batch is judged once, after its children.
local function settle_all(now)
  for level = deepest, 0, -1 do
    for _, bid in ipairs(touched[level]) do
      local is = standing(bid)
      if judge(bid, is, now) then is = standing(bid) end
      if is.settled_at > 0 then tidy(bid, is, now) end
      local parent = report(bid, is)
      if parent then touch(parent) end
      if is.forget > 0 and at_rest(is) then forget(bid, is, now) end
    end
  end
end

-- The first death of a batch is the death of everything above it, once each. It comes before all
-- judging: its callbacks are among those that settled and success wait for further up.
local function mourn(bid, now)
  while bid do
    local known = redis.call('HMGET', key_batch(bid), 'v', 'death_at', 'parent')
    if not known[1] or known[2] then return end
    fire(bid, 'death', 'x', now)
    bid = known[3]
  end
end

-- Enough members are dead: the rest is to be cancelled. A worker does it, within a second.
local function give_up(bid, now)
  local known = redis.call('HMGET', key_batch(bid), 'cancel_when_dead', 's6', 'cancelled_at')
  if known[1] and not known[3] and tonumber(known[2]) >= tonumber(known[1]) then
    redis.call('HSET', key_batch(bid), 'cancelled_at', string.format('%d', now))
    redis.call('ZADD', key_cancelling, 0, bid)
  end
end

local function shift_counts(batch, delta)
  for state = 1, 8 do
    if (delta[state] or 0) ~= 0 then redis.call('HINCRBY', batch, 's' .. state, delta[state]) end
  end
end

-- Batches that have dead members are listed, for people who want to repair them.
local function list_deaths(bid, now)
  if tonumber(redis.call('HGET', key_batch(bid), 's6')) > 0 then
    redis.call('ZADD', key_deaths, string.format('%d', now), bid)
  else
    redis.call('ZREM', key_deaths, bid)
  end
end

-- Moves members of one batch to new states: `changes` is a list of numbers, each followed by its state.
-- Moves that are not allowed from the present state change nothing, so a repeated or late report counts
-- once. In a cancelled batch nobody dies any more: who would is cancelled. `settle_all` must follow.
local function advance(bid, changes, now)
  local batch = key_batch(bid)
  local known, cancelled = unpack(redis.call('HMGET', batch, 'v', 'cancelled_at'))
  if not known then return end
  local slots, delta, moved, healed, failed = slots_of(bid), {}, {}, {}, 0
  for i = 1, #changes, 2 do
    local number, to = changes[i], changes[i + 1]
    local from = state_of(slots, number)
    if to == DEAD and cancelled then to = CANCELLED end
    if may_become(from, to) then
      set_state(slots, number, to)
      delta[from], delta[to] = (delta[from] or 0) - 1, (delta[to] or 0) + 1
      moved[to] = (moved[to] or 0) + 1
      if from == FAILING and to ~= DEAD then table.insert(healed, number) end
    end
    if to == DEAD or (to == FAILING and from ~= DEAD) then failed = failed + 1 end
  end
  if failed > 0 then announce(bid, '-', failed) end
  if not next(moved) then return end
  write(slots)
  shift_counts(batch, delta)
  if (delta[DEAD] or 0) ~= 0 then list_deaths(bid, now) end
  if #healed > 0 then redis.call('HDEL', key_failures(bid), unpack(healed)) end
  if moved[SUCCEEDED] then announce(bid, '+', moved[SUCCEEDED]) end
  if moved[DEAD] then mourn(bid, now); give_up(bid, now) end
  touch(bid)
end

-- Notes why a member fails or dies, for `failure_info`, where that counts; a thousand are enough to look at.
local function note_failure(bid, number, text)
  local failures = key_failures(bid)
  local known, cancelled = unpack(redis.call('HMGET', key_batch(bid), 'v', 'cancelled_at'))
  if text == '' or not known or cancelled then return end
  if redis.call('HLEN', failures) < 1000 or redis.call('HEXISTS', failures, number) == 1 then
    redis.call('HSET', failures, number, text)
  end
end

-- Notes what became of a callback job. `cb` is bid:event:index, as its payload carries it. Success
-- is for good: what becomes of a copy delivered twice changes nothing. `settle_all` must follow.
local OPEN = { queued = 1, failing = 1 }
local BAD = { dead = 1, discarded = 1, deleted = 1, expired = 1 }

local function callback_is(cb, state)
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
  touch(bid)
end

-- A callback that was dead and is claimed has been brought back: its batch must not expire now.
local function revive_callback(cb)
  local bid, name = string.match(cb, '^(%x+):(%a+:%d+)$')
  if not bid then return end
  local known = redis.call('HMGET', key_batch(bid), 'cs:' .. name, 'audit')
  if known[1] == 'dead' then callback_is(cb, 'failing') end
  if known[2] then void_audit(bid) end
end
