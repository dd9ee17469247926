#!lua flags=allow-oom
--- @include "lib/time"
--- @include "lib/recall"
-- Returns the jobs of one worker whose lease has lapsed, `limit` at a time, and forgets the worker
-- when none is left. Returns {identity or '', how many jobs were moved}.
local vt = tick(server_now(override))
local identity = redis.call('ZRANGE', key_leases, '-inf', '(' .. string.format('%d', vt), 'BYSCORE', 'LIMIT', 0, 1)[1]
if not identity then return { '', 0 } end
return { identity, recall_worker(identity, limit) }
