#!lua
--- @include "lib/lane"
--- @include "lib/lists"
-- Stages jobs of a block that is too large for one script: `queues` are {name, payloads}, a list each;
-- `scheduled` goes to a sorted set named by the block alone. All of `names` live for `life` seconds
-- more: nothing of them is a job before the block is committed.
-- Returns 1 when they are there (now or since an earlier sending), 0 when the lane is not ours.
local said = lane_says(lane, number, digest)
if said then return said end
for _, group in ipairs(queues) do call_many('LPUSH', key_staged(block .. ':' .. group[1]), group[2]) end
if #scheduled > 0 then call_many('ZADD', key_staged(block), scheduled) end
lane_note(lane, number, digest)
for _, name in ipairs(names) do redis.call('EXPIRE', key_staged(name), life) end
return 1
