#!lua
--- @include "lib/lane"
--- @include "lib/payload"
--- @include "lib/lists"
-- Puts jobs on their queues and into the schedule.
-- Returns 1 when they are there (now or since an earlier sending), 0 when the lane is not ours; WRONGTYPE,
-- with nothing written, when something else lies under the name of one of the queues.
local said = lane_says(lane, number, digest)
if said then return said end
for _, group in ipairs(queues) do
  if not is_queue(group[1]) then
    return redis.error_reply('WRONGTYPE what lies under the name of queue ' .. group[1] .. ' is no list')
  end
end
for _, group in ipairs(queues) do push_all(group[1], group[2]) end
if #scheduled > 0 then call_many('ZADD', key_schedule, scheduled) end
lane_note(lane, number, digest)
return 1
