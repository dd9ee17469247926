#!lua flags=allow-oom
--- @include "lib/layout"
-- Registers a child of a worker, before it starts, so that it may claim. Returns 1, or 0 when the
-- worker's lease has lapsed.
if not redis.call('ZSCORE', key_leases, identity) then return 0 end
redis.call('HSETNX', key_owners(identity), child, '0 0 0')
redis.call('HSETNX', key_owners(identity), ':v', LAYOUT)
return 1
