-- Holds: a batch that is held fires none of complete, success and settled. A hold has a lease of ten
-- minutes in the virtual clock.
local HOLD_LIFE = 600000

local function hold_until()
  return string.format('%d', tonumber(redis.call('HGET', key_clock, 'vt') or 0) + HOLD_LIFE)
end

local function take_hold(bid, hold)
  if redis.call('ZADD', key_holds, 'NX', hold_until(), bid .. ':' .. hold) == 1 then
    redis.call('HINCRBY', key_batch(bid), 'holds', 1)
  end
end

-- Ends a hold, once. One that does not end well bars success until a later one does.
local function end_hold(bid, hold, well)
  local stood = redis.call('ZREM', key_holds, bid .. ':' .. hold) == 1
  if redis.call('EXISTS', key_batch(bid)) == 0 then return end
  if stood then redis.call('HINCRBY', key_batch(bid), 'holds', -1) end
  if well then
    redis.call('HDEL', key_batch(bid), 'barred')
  elseif stood then
    redis.call('HSET', key_batch(bid), 'barred', 1)
  end
  touch(bid)
end
