#!lua flags=allow-oom
--- @include "lib/recall"
-- Takes a worker that stops in good order off the lists; what it still holds goes back, `limit` at a
-- time. Returns how many jobs were given back; less than `limit` means that none is left.
return recall_worker(identity, limit)
