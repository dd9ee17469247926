#!lua flags=allow-oom
--- @include "lib/lists"
--- @include "lib/moving"
-- Moves up to `limit` jobs (or those that fill `bytes`) of a committed block from where they were staged
-- to their queue, or to the schedule. Returns how many lists and sets are left to be moved.
local name = redis.call('ZRANGE', key_moving, 0, 0)[1]
if not name then return 0 end
local source, goal, queue = key_staged(name), goal_of(name)
-- To fail here would hold up all that comes behind it.
if queue ~= '' and not is_queue(queue) then goal, queue = key_queue('default'), 'default' end

local function move_one()
  if queue ~= '' then return redis.call('LMOVE', source, goal, 'RIGHT', 'LEFT') end
  local first = redis.call('ZRANGE', source, 0, 0, 'WITHSCORES')
  if not first[1] then return nil end
  redis.call('ZADD', goal, first[2], first[1])
  redis.call('ZREM', source, first[1])
  return first[1]
end

if redis.call('EXISTS', source) == 1 and redis.call('EXISTS', goal) == 0 then
  redis.call('RENAME', source, goal)
end
if queue ~= '' then redis.call('SADD', key_queues, queue) end
local moved, size = 0, 0
while moved < limit and size < bytes do
  local payload = move_one()
  if not payload then break end
  moved, size = moved + 1, size + #payload
end
if redis.call('EXISTS', source) == 0 then redis.call('ZREM', key_moving, name) end
return redis.call('ZCARD', key_moving)
