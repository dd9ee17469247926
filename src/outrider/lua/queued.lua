#!lua flags=no-writes
--- @include "lib/place"
-- A page of a queue or held list, the job to be taken first at position 0, and what is on its way behind
-- what lies there. It begins after the job `last`, which was at `start` - 1 and may have been shifted by others;
-- where that is not to be found, with two pages more, for the reader to see where he was.
-- Returns {position of the first, 1 when it is the one after `last`, how many lie there, payload ...}.
local line, total = parts(place, name), 0
for _, part in ipairs(line) do
  part.length = redis.call('LLEN', part.key)
  total = total + part.length
end
local _, at = nil, -1
if start > 0 then _, _, at = find_near(line, last, start - 1) end
local first = at and at + 1 or math.max(start - 2 * count, 0)
if not at then count = 3 * count end
if not at and first >= total then first = 0 end
local answer, skip = { first, at and 1 or 0, 0 }, first
for i, part in ipairs(line) do
  local found = {}
  if skip < part.length and count > 0 then
    found = redis.call('LRANGE', part.key, -skip - count, -skip - 1)
  end
  for j = #found, 1, -1 do table.insert(answer, found[j]) end
  if i == 1 then answer[3] = #found end
  skip, count = math.max(skip - part.length, 0), count - #found
end
return answer
