-- Jobs that were staged, once their block is committed. Where the queue (or the schedule) is empty they
-- become it, in O(1); else they are on their way: `o:moving` names them, by the time of the commit.
-- A name is block:queue for a list, and the block alone for a sorted set of delayed jobs.
local function goal_of(name)
  local queue = string.sub(name, 18)
  return queue == '' and key_schedule or key_queue(queue), queue
end

local function staged_count(name)
  return redis.call(string.find(name, ':', 1, true) and 'LLEN' or 'ZCARD', key_staged(name))
end

local function hand_over(name, now)
  local goal, queue = goal_of(name)
  if queue ~= '' then redis.call('SADD', key_queues, queue) end
  redis.call('PERSIST', key_staged(name))
  if redis.call('EXISTS', goal) == 1 then
    redis.call('ZADD', key_moving, string.format('%d', now), name)
  else
    redis.call('RENAME', key_staged(name), goal)
  end
end

-- How many jobs are on their way to a queue.
local function unmoved(queue)
  local total = 0
  for _, name in ipairs(redis.call('ZRANGE', key_moving, 0, -1)) do
    if string.sub(name, 17) == ':' .. queue then total = total + staged_count(name) end
  end
  return total
end
