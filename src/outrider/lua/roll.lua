#!lua flags=no-writes
--- @include "lib/board"
--- @include "lib/children"
-- A page of the workers that are listed, ours and Ruby's, or `only` one of them if it is listed. Returns
-- {following cursor, {identity, {what it says of itself, by `fields`}, jobs held, jobs shown} ...}.
-- A key of another type is no worker's: any program may have written here.
local following, found = '0', { only }
if only == '' then
  following, found = unpack(redis.call('SSCAN', key_processes, cursor, 'COUNT', count))
elseif redis.call('SISMEMBER', key_processes, only) == 0 then
  found = {}
end

local function held(identity)
  local count = 0
  for _, child in ipairs(children_of(identity)) do
    count = count + redis.call('HLEN', key_claims(identity .. ':' .. child))
  end
  return count
end

local answer = { following }
for _, identity in ipairs(found) do
  local says = redis.pcall('HMGET', key_process(identity), unpack(fields))
  local shown = redis.pcall('HLEN', board_of(identity))
  table.insert(answer, {
    identity, says.err and {} or says, held(identity), type(shown) == 'number' and shown or 0,
  })
end
return answer
