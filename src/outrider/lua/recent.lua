#!lua flags=no-writes
-- A page of the operations that are known, the newest first, after the one of the id `after`.
local rank = after ~= '' and redis.call('ZREVRANK', key_operations, after)
local first, answer = rank and rank + 1 or 0, {}
for _, id in ipairs(redis.call('ZRANGE', key_operations, first, first + count - 1, 'REV')) do
  local fields = redis.call('HGETALL', key_operation(id))
  if #fields > 0 then table.insert(answer, fields) end
end
return answer
