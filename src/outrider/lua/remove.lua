#!lua flags=allow-oom
--- @include "lib/batch"
--- @include "lib/dead"
--- @include "lib/taking"
--- @include "lib/trash"
-- Takes one job out of the place where it lies, `to` the trash or the dead set, and tells its batch. What
-- leaves the dead set was told when it died. `failure` is noted of a member that dies. `at` is its position
-- when it was seen on a queue or held list.
-- Returns 1, or 0 when the job is not there, or further than that from where it was.
local part = find(place, name, payload, at)
if not part then return 0 end
local jid, _, bid, cb = read(payload)
local state, word = DELETED, 'deleted'
if to == 'dead' then state, word = DEAD, 'dead' end

if to == 'dead' then
  bury({ payload }, now)
else
  discard(place, name, '', { { payload, part.score } }, now)
end
take(place, name, part, payload)
if place ~= 'dead' then
  local number = bid and member_number(jid)
  if bid and may_become(state_of(slots_of(bid), number), state) then
    note_failure(bid, number, failure)
    advance(bid, { number, state }, now)
  end
  if cb then callback_is(cb, word) end
end
settle_all(now)
return 1
