-- The virtual clock moves by at most one step a tick: an outage, a stalled server or a clock that
-- jumps ages no lease. Only beat, reap and check read the server's time; a test may give its own.
local STEP = 10000

local function server_now(override)
  if override > 0 then return override end
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local function tick(now)
  local known = redis.call('HMGET', key_clock, 'vt', 'last')
  local vt, last = tonumber(known[1] or 0), tonumber(known[2] or now)
  vt = vt + math.min(math.max(now - last, 0), STEP)
  redis.call('HSET', key_clock, 'vt', string.format('%d', vt), 'last', string.format('%d', now))
  return vt
end
