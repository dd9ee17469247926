#!lua flags=no-writes
--- @include "lib/moving"
-- Counts the jobs that wait on a queue, those on their way to it among them.
return redis.call('LLEN', key_queue(queue)) + unmoved(queue)
