#!lua flags=no-writes
-- A page of the operations that are known, the newest first, after the one of the id `after`. Records live for
-- less long than the list. Returns {id that the next page begins after, '' at the end; fields ...}.
local rank = after ~= '' and redis.call('ZREVRANK', key_operations, after)
if after ~= '' and not rank then return { '' } end
local first = rank and rank + 1 or 0
local ids = redis.call('ZRANGE', key_operations, first, first + count - 1, 'REV')
local answer = { first + #ids < redis.call('ZCARD', key_operations) and ids[#ids] or '' }
for _, id in ipairs(ids) do
  local fields = redis.call('HGETALL', key_operation(id))
  if #fields > 0 then table.insert(answer, fields) end
end
return answer
