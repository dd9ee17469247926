#!lua flags=no-writes
-- A page of the operations that are known, the newest first, after the one of the id `after`. The record of one
-- that ended long ago may be gone. Returns {after which the next page begins, '' at the end; fields ...}.
local rank = after ~= '' and redis.call('ZREVRANK', key_operations, after)
if after ~= '' and not rank then return { '' } end
local first, answer = rank and rank + 1 or 0, { '' }
local ids = redis.call('ZRANGE', key_operations, first, first + count - 1, 'REV')
for _, id in ipairs(ids) do
  local fields = redis.call('HGETALL', key_operation(id))
  if #fields > 0 then table.insert(answer, fields) end
end
if first + #ids < redis.call('ZCARD', key_operations) then answer[1] = ids[#ids] end
return answer
