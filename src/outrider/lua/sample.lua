#!lua
--- @include "lib/spans"
-- Notes how long queues were in a minute; of each queue only what is said first counts. `queues` are lists of
-- {name, jobs, ms that the next job has waited}. A minute or hour is how often it was looked at, the sum and
-- the most of both numbers. Returns how many queues it noted.
local names = {}
for _, queue in ipairs(queues) do table.insert(names, queue[1]) end
if #names == 0 then return 0 end
local of_minute, of_hour = key_sampled(minute_name(minute)), key_sampled(hour_name(minute))
local known, sums = redis.call('HMGET', of_minute, unpack(names)), redis.call('HMGET', of_hour, unpack(names))
local room, minutes, hours = NAMES - redis.call('HLEN', of_hour), {}, {}
for i, queue in ipairs(queues) do
  local name, size, waited = unpack(queue)
  local sum = unpacked(sums[i], 5)
  if not sum then room = room - 1 end
  if not known[i] and (sum or room >= 0) then
    sum = sum or { 0, 0, 0, 0, 0 }
    sum = { sum[1] + 1, sum[2] + size, math.max(sum[3], size), sum[4] + waited, math.max(sum[5], waited) }
    table.insert(minutes, name); table.insert(minutes, cmsgpack.pack({ 1, size, size, waited, waited }))
    table.insert(hours, name); table.insert(hours, cmsgpack.pack(sum))
  end
end
if #minutes == 0 then return 0 end
redis.call('HSET', of_minute, unpack(minutes))
redis.call('EXPIRE', of_minute, MINUTES_LIVE)
redis.call('HSET', of_hour, unpack(hours))
redis.call('EXPIRE', of_hour, HOURS_LIVE)
return #minutes / 2
