#!lua flags=allow-oom
--- @include "lib/recall"
-- Takes a worker that stops in good order off the lists; what it still holds goes back, `limit` at a
-- time, and nobody is blamed. Returns how many jobs were given back, 0 when none is left.
return recall_worker(identity, limit, {}, 0)
