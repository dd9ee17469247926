#!lua flags=allow-oom
--- @include "lib/time"
-- A child compares notes: whether it still may claim, what it holds, and what time it is. It renews the
-- worker's lease, if that stands, for `life` ms: the supervisor may be held up while its children work.
-- Its answer, acknowledged by a replica or the disk, says that the claims are there too: so it always writes.
-- Returns {1, server's time in ms, token ...}, or {0, time} when the child is fenced.
local now, known = server_now(override), redis.call('HGET', key_owners(identity), child)
local stands = known and known ~= 'gone' and redis.call('ZSCORE', key_leases, identity)
if not stands then return { 0, now } end
local lease = tonumber(redis.call('HGET', key_clock, 'vt') or 0) + life
redis.call('ZADD', key_leases, string.format('%d', lease), identity)
redis.call('HSET', key_owners(identity), child, known)
local answer = redis.call('HKEYS', key_claims(identity .. ':' .. child))
table.insert(answer, 1, now)
table.insert(answer, 1, 1)
return answer
