#!lua flags=allow-oom
--- @include "lib/lane"
-- Leaves a signal for a worker, which takes one at each beat; none twice, for a second TERM cuts jobs
-- off. Returns 1, or -1 when the worker is gone; 0 when the lane is not ours.
local said = lane_says(lane, number, digest)
if said then return said end
if redis.call('EXISTS', key_process(identity)) == 0 then return -1 end
local signals = key_signals(identity)
if not redis.call('LPOS', signals, name) then redis.call('LPUSH', signals, name) end
redis.call('EXPIRE', signals, 60)
lane_note(lane, number, digest)
return 1
