--- @include "lib/payload"
-- The dead set keeps the newest 10,000 jobs of the last 180 days, as Sidekiq 8 does.
local function bury(payloads, now)
  if #payloads == 0 then return end
  for _, payload in ipairs(payloads) do redis.call('ZADD', key_dead, seconds(now), payload) end
  redis.call('ZREMRANGEBYSCORE', key_dead, '-inf', seconds(now - 180 * 86400000))
  redis.call('ZREMRANGEBYRANK', key_dead, 0, -10001)
end
