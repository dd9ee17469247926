-- Calls a command with many arguments in pieces that fit Lua's stack.
local CHUNK = 4000

local function call_many(command, key, values)
  for first = 1, #values, CHUNK do
    redis.call(command, key, unpack(values, first, math.min(first + CHUNK - 1, #values)))
  end
end

local function push_all(queue, payloads)
  if #payloads == 0 then return end
  redis.call('SADD', key_queues, queue)
  call_many('LPUSH', key_queue(queue), payloads)
end

-- What another program keeps under one of our keys takes no jobs: the error that says so, nil where the key
-- can be used. To be returned before the first write, where somebody can be told.
local function misfit(key, kind)
  local found = redis.call('TYPE', key)['ok']
  if found == kind or found == 'none' then return nil end
  local text = 'WRONGTYPE nothing was written: the key %s holds a %s and is no %s of jobs; use another name or prefix'
  return redis.error_reply(string.format(text, key, found, kind))
end

local function misfit_of(queues, scheduled)
  for _, group in ipairs(queues) do
    local no = misfit(key_queue(group[1]), 'list')
    if no then return no end
  end
  return #scheduled > 0 and misfit(key_schedule, 'zset') or nil
end

local function is_queue(queue) return not misfit(key_queue(queue), 'list') end

-- Gives jobs back to the front of their queues; `jobs` in the order they were taken. Who has none that takes
-- jobs goes to `default`: a script that failed on him would fail for ever, and nobody would be given back.
local function give_back(jobs)
  local by_queue = {}
  for i = #jobs, 1, -1 do
    local queue = jobs[i].queue
    if not by_queue[queue] then by_queue[queue] = {} end
    table.insert(by_queue[queue], jobs[i].payload)
  end
  for queue, payloads in pairs(by_queue) do
    if not is_queue(queue) then queue = 'default' end
    redis.call('SADD', key_queues, queue)
    call_many('RPUSH', key_queue(queue), payloads)
  end
end
