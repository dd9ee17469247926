#!lua flags=allow-oom
--- @include "lib/recall"
-- Returns a dead child's jobs to the front of their queues, `limit` at a time. Those whose tokens are in
-- `blamed` ran when it died; for one of `timed_out` it was killed. Returns how many were moved, 0 when
-- none is left.
local marks = {}
for _, token in ipairs(blamed) do marks[child .. ':' .. string.format('%d', token)] = 'blamed' end
for _, token in ipairs(timed_out) do marks[child .. ':' .. string.format('%d', token)] = 'timed_out' end
return tell_recovered(recall_claims(identity, child, limit, marks, now))
