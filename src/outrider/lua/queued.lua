#!lua flags=no-writes
--- @include "lib/place"
-- A page of a queue: `count` jobs from position `start` on, the one to be taken first at 0, and what is
-- on its way behind what lies there. Returns {how many of these lie there, payload ...}.
local answer, skip = { 0 }, start
for i, part in ipairs(parts('queue', queue)) do
  local length = redis.call('LLEN', part.key)
  local found = {}
  if skip < length and count > 0 then found = redis.call('LRANGE', part.key, -skip - count, -skip - 1) end
  for j = #found, 1, -1 do table.insert(answer, found[j]) end
  if i == 1 then answer[1] = #found end
  skip, count = math.max(skip - length, 0), count - #found
end
return answer
