#!lua flags=no-writes
--- @include "lib/moving"
-- Counts the jobs that wait on a queue, or with '' in the schedule, those on their way there among them.
local own = queue == '' and redis.call('ZCARD', key_schedule) or redis.call('LLEN', key_queue(queue))
return own + unmoved(queue)
