#!lua flags=allow-oom
--- @include "lib/batch"
--- @include "lib/hold"
-- What workers look after now and then: ends up to `limit` holds whose lease is over, and names a batch
-- whose cancelling was begun before `since` and left undone. Returns {how many holds, bid or ''}.
local vt = string.format('%d', tonumber(redis.call('HGET', key_clock, 'vt') or 0))
local over = redis.call('ZRANGE', key_holds, '-inf', '(' .. vt, 'BYSCORE', 'LIMIT', 0, limit)
for _, name in ipairs(over) do
  local bid, hold = string.match(name, '^(%x+):(.*)$')
  end_hold(bid, hold, false)
end
settle_all(now)
local undone = redis.call('ZRANGE', key_cancelling, '-inf', string.format('%d', since), 'BYSCORE', 'LIMIT', 0, 1)
return { #over, undone[1] or '' }
