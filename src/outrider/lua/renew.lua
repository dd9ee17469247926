#!lua flags=allow-oom
--- @include "lib/hold"
-- Renews the lease of a hold. Returns whether it still stands.
redis.call('ZADD', key_holds, 'XX', hold_until(), bid .. ':' .. hold)
return redis.call('ZSCORE', key_holds, bid .. ':' .. hold) and 1 or 0
