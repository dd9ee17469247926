#!lua flags=allow-oom
-- Begins an audit of a batch, known by the name `audit`: whatever moves a job of the batch against the
-- order in which it looks will take that name away. Returns 1, or 0 for an unknown batch.
if redis.call('EXISTS', key_batch(bid)) == 0 then return 0 end
redis.call('HSET', key_batch(bid), 'audit', audit)
return 1
