-- Staged jobs of a committed block are on their way: `o:moving` names them, by the time of the commit.
-- A name is block:queue for a list, and the block alone for a sorted set of delayed jobs.
local function goal_of(name)
  local queue = string.sub(name, 18)
  return queue == '' and key_schedule or key_queue(queue), queue
end

local function staged_count(name)
  return redis.call(string.find(name, ':', 1, true) and 'LLEN' or 'ZCARD', key_staged(name))
end

-- Names of what is on its way to a queue, or with '' into the schedule, in the order in which it comes.
local function coming(queue)
  local found, tail = {}, queue == '' and '' or ':' .. queue
  for _, name in ipairs(redis.call('ZRANGE', key_moving, 0, -1)) do
    if string.sub(name, 17) == tail then table.insert(found, name) end
  end
  return found
end

-- How many jobs are on their way there.
local function unmoved(queue)
  local total = 0
  for _, name in ipairs(coming(queue)) do total = total + staged_count(name) end
  return total
end
