#!lua flags=allow-oom
--- @include "lib/recall"
-- Returns a dead child's jobs to the front of their queues, `limit` at a time.
-- Returns how many were moved; less than `limit` means that none is left.
return recall_claims(identity, child, limit)
