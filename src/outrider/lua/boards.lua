#!lua flags=no-writes
--- @include "lib/board"
-- A page of what workers show of their running jobs: from the first of `identities` on, whose board is
-- read from `cursor` on, until about `limit` entries or `bytes` are reached. Returns {how many workers
-- are done with, the cursor of the next, {identity, slot, entry} ...}.
local done, size, answer = 0, 0, { 0, '0' }
while done < #identities and #answer - 2 < limit and size < bytes do
  local identity = identities[done + 1]
  local page = redis.pcall('HSCAN', board_of(identity), cursor, 'COUNT', 100)
  if page.err then page = { '0', {} } end
  cursor = page[1]
  for i = 1, #page[2], 2 do
    table.insert(answer, { identity, page[2][i], page[2][i + 1] })
    size = size + #page[2][i + 1]
  end
  if cursor == '0' then done = done + 1 end
end
answer[1], answer[2] = done, cursor
return answer
