#!lua flags=allow-oom
--- @include "lib/batch"
--- @include "lib/hold"
-- Ends a hold of a batch, well or not.
end_hold(bid, hold, well == 1)
settle_all(now)
return 1
