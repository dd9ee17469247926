#!lua flags=no-writes
--- @include "lib/rank"
-- A page of the batches that are not settled, the longest untouched first; or with `dead` 1 of those with dead
-- members, the newest death first: up to `limit`, or as many as fill `bytes`, one at least, that come after
-- `last` of `score`. Returns {1 when there are more, {bid, score, when it expires in ms or less than 0, fields}
-- ...}; there are no fields of one that is gone.
local key, step = dead == 1 and key_deaths or key_batches, dead == 1 and -1 or 1
local count = redis.call('ZCARD', key)
local at = dead == 1 and count - 1 or 0
if last ~= '' then
  at = rank_after(key, score, last)
  if dead == 1 then at = at - (redis.call('ZSCORE', key, last) == score and 2 or 1) end
end
local answer, size = { 0 }, 0
while at >= 0 and at < count and #answer <= limit and size < bytes do
  local bid, said = unpack(redis.call('ZRANGE', key, at, at, 'WITHSCORES'))
  local fields = redis.call('HGETALL', key_batch(bid))
  for _, word in ipairs(fields) do size = size + #word end
  table.insert(answer, { bid, said, redis.call('PEXPIRETIME', key_batch(bid)), fields })
  at = at + step
end
answer[1] = at >= 0 and at < count and 1 or 0
return answer
