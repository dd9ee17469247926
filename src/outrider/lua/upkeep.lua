#!lua flags=allow-oom
--- @include "lib/batch"
--- @include "lib/hold"
--- @include "lib/interrupt"
-- What workers look after now and then: ends up to `limit` holds whose lease is over; hands over batches
-- whose cancelling was begun before `since` and left undone, to this worker alone; and says of which
-- batches running members are to be interrupted, but for those that it has `heard` of.
-- Returns {how many holds, {bid ...} left undone, {bid, mark ...} to interrupt}.
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
return { #over, undone, interrupts_after(heard, limit) }
