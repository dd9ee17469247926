#!lua flags=no-writes
--- @include "lib/payload"
-- One page of a scan of `retry` or `dead`: the payloads of a batch's members and callbacks in it.
-- Returns {next cursor, how many bytes were read, payload ...}; the cursor is "0" at the end.
local page = redis.call('ZSCAN', prefix .. name, cursor, 'COUNT', count)
local answer = { page[1], 0 }
for i = 1, #page[2], 2 do
  local payload = page[2][i]
  answer[2] = answer[2] + #payload
  -- Only who names the batch is read: to decode all the jobs of others would take long.
  if string.find(payload, bid, 1, true) then
    local _, _, member_of, cb = read(payload)
    if member_of == bid or (cb and string.sub(cb, 1, #bid + 1) == bid .. ':') then table.insert(answer, payload) end
  end
end
return answer
