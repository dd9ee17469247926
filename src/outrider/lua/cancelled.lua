#!lua flags=allow-oom
-- Notes that the cancelling of a batch is done, unless there has come more to do since its `mark`.
local stands = redis.call('ZSCORE', key_cancelling, bid) == mark
if stands then redis.call('ZREM', key_cancelling, bid) end
return stands and 1 or 0
