#!lua flags=allow-oom
--- @include "lib/trash"
-- Removes for good what was deleted before a time. Nobody is to be told: that was done when it was deleted.
return dispose_of(before, limit)
