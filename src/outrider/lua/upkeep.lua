#!lua flags=allow-oom
--- @include "lib/batch"
--- @include "lib/hold"
--- @include "lib/interrupt"
--- @include "lib/operation"
--- @include "lib/trash"
-- What workers look after now and then: ends up to `limit` holds whose lease is over; hands over batches
-- whose cancelling was begun before `since` and left undone, to this worker alone; and says of which
-- batches running members are to be interrupted, but for those that it has `heard` of. Hands over the operation
-- that nobody has performed for longest, and removes for good what has been in the trash for long enough.
-- Returns {how many holds, {bid ...} left undone, {bid, mark ...} to interrupt, {operation}, how many removed}.
local vt = string.format('%d', virtual_now())
local over = redis.call('ZRANGE', key_holds, '-inf', '(' .. vt, 'BYSCORE', 'LIMIT', 0, limit)
for _, name in ipairs(over) do
  local bid, hold = string.match(name, '^(%x+):(.*)$')
  end_hold(bid, hold, false)
end
settle_all(now)
-- A batch that has expired by itself could not be taken off the list of those with dead members.
local past = string.format('%d', now - 180 * DAY * 1000)
local old = redis.call('ZRANGE', key_deaths, '-inf', past, 'BYSCORE', 'LIMIT', 0, limit)
for _, bid in ipairs(old) do
  if redis.call('EXISTS', key_batch(bid)) == 0 then
    redis.call('ZREM', key_deaths, bid)
  else
    redis.call('ZADD', key_deaths, string.format('%d', now), bid)
  end
end
local undone = redis.call('ZRANGE', key_cancelling, '-inf', string.format('%d', since), 'BYSCORE', 'LIMIT', 0, limit)
for _, bid in ipairs(undone) do redis.call('ZADD', key_cancelling, string.format('%d', now), bid) end
local idle = redis.call('ZRANGE', key_operating, '-inf', string.format('%d', now), 'BYSCORE', 'LIMIT', 0, 1)
for _, id in ipairs(idle) do
  if redis.call('EXISTS', key_operation(id)) == 0 then
    redis.call('ZREM', key_operating, id)
  else
    redis.call('ZADD', key_operating, string.format('%d', now + OPERATION_LEASE), id)
  end
end
return { #over, undone, interrupts_after(heard, limit), idle, dispose_of(now - TRASH_LIFE, limit) }
