#!lua flags=allow-oom
--- @include "lib/operation"
-- Cancels an operation that is running: no step of it is done any more. Returns its fields.
if redis.call('HGET', key_operation(id), 'state') == 'running' then end_operation(id, 'cancelled', now) end
return redis.call('HGETALL', key_operation(id))
