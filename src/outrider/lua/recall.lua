#!lua flags=allow-oom
--- @include "lib/recall"
-- Returns a dead child's jobs to the front of their queues, `limit` at a time.
-- Returns how many were moved; less than `limit` means that none is left.
local moved = recall_claims(identity, child, limit)
if moved < limit then redis.call('HDEL', key_owners(identity), child .. ':ack') end
return moved
