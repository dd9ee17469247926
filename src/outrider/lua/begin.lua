#!lua flags=allow-oom
-- Begins an operation, unless it has begun before: whoever asks twice by one name has one. It is known for
-- thirty days, the newest thousand. Returns its fields.
local record = key_operation(id)
if redis.call('EXISTS', record) == 0 then
  redis.call('HSET', record, unpack(fields))
  redis.call('ZADD', key_operations, string.format('%d', now), id)
  redis.call('ZREMRANGEBYSCORE', key_operations, '-inf', string.format('%d', now - 30 * 86400000))
  redis.call('ZREMRANGEBYRANK', key_operations, 0, -1001)
  redis.call('ZADD', key_operating, 0, id)
end
return redis.call('HGETALL', record)
