#!lua flags=no-writes
--- @include "lib/children"
--- @include "lib/moving"
-- Counts what a draining worker still has to wait for: queued in these queues or on its way there
-- (paused ones left out), held for a name that is not paused any more, due by `until` in schedule or retry,
-- claimed by any worker, or batches that are being cancelled, whose callbacks are to come. Returns the count.
local total = redis.call('ZCARD', key_cancelling)
for _, queue in ipairs(queues) do
  if redis.call('SISMEMBER', key_paused, queue) == 0 then
    total = total + redis.call('LLEN', key_queue(queue)) + unmoved(queue)
  end
end
for _, name in ipairs(redis.call('SDIFF', key_heldnames, key_pausednames)) do
  total = total + redis.call('LLEN', key_held(name))
end
local latest = string.format('%.3f', horizon / 1000)
total = total + redis.call('ZCOUNT', key_schedule, '-inf', latest) + redis.call('ZCOUNT', key_retry, '-inf', latest)
for _, name in ipairs(redis.call('ZRANGE', key_moving, 0, -1)) do
  if #name == 16 then total = total + redis.call('ZCOUNT', key_staged(name), '-inf', latest) end
end
for _, identity in ipairs(redis.call('ZRANGE', key_leases, 0, -1)) do
  for _, child in ipairs(children_of(identity)) do
    total = total + redis.call('HLEN', key_claims(identity .. ':' .. child))
  end
end
return total
