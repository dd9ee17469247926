--- @include "lib/held"
--- @include "lib/place"
-- Finding and taking many jobs of one place at once. Each is known by its exact bytes.

-- Whoever takes or gives back jobs at the front of a line shifts all behind: by as much as any that is found, in
-- ever wider surroundings.
local function shift_of(key, jobs)
  local at = {}
  for _, job in ipairs(jobs) do at[job.payload] = job.at end
  for _, near in ipairs(NEAR) do
    local first, size = math.max(jobs[1].at - near, 0), 0
    local lying = redis.call('LRANGE', key, -(jobs[#jobs].at + near) - 1, -first - 1)
    for i, payload in ipairs(lying) do
      if at[payload] then return first + #lying - i - at[payload] end
      size = size + #payload
    end
    if is_much(near, size) then return nil end
  end
end

-- Those of the `jobs` that lie in the place, each with its score or `index`; `jobs` by their position.
local SLACK = { 0, 100 }

local function pick(key, is_line, jobs)
  local found = {}
  if #jobs == 0 then return found end
  if not is_line then
    local payloads = {}
    for i, job in ipairs(jobs) do payloads[i] = job.payload end
    for i, score in ipairs(redis.call('ZMSCORE', key, unpack(payloads))) do
      if score then jobs[i].score = score; table.insert(found, jobs[i]) end
    end
    return found
  end
  local shift, wanted = shift_of(key, jobs), {}
  if not shift then return found end
  for _, job in ipairs(jobs) do
    if not wanted[job.payload] then wanted[job.payload] = {} end
    table.insert(wanted[job.payload], job)
  end
  for _, slack in ipairs(SLACK) do
    local first, last = math.max(jobs[1].at + shift - slack, 0), jobs[#jobs].at + shift
    local lying = redis.call('LRANGE', key, -last - 1, -first - 1)
    local size = 0
    found = {}
    for i = #lying, 1, -1 do
      local alike = wanted[lying[i]]
      size = size + #lying[i]
      if alike and (alike.met or 0) < #alike then
        alike.met = (alike.met or 0) + 1
        alike[alike.met].index = first + #lying - i
        table.insert(found, alike[alike.met])
      end
    end
    if #found == #jobs or size > MUCH then break end
    for _, alike in pairs(wanted) do alike.met = 0 end
  end
  return found
end

-- Those that lie in front are cut off. Others become a `mark` first, which nobody else can know, so that one
-- search takes all: each by itself would cost the way from an end.
local function take_all(place, name, key, jobs, mark)
  if #jobs == 0 then return end
  if is_list(place) and jobs[#jobs].index == #jobs - 1 then
    redis.call('LTRIM', key, 0, -#jobs - 1)
  elseif is_list(place) then
    for _, job in ipairs(jobs) do redis.call('LSET', key, -job.index - 1, mark) end
    local from_tail = jobs[#jobs].index * 2 < redis.call('LLEN', key)
    redis.call('LREM', key, from_tail and -#jobs or #jobs, mark)
  else
    local payloads = {}
    for i, job in ipairs(jobs) do payloads[i] = job.payload end
    redis.call('ZREM', key, unpack(payloads))
  end
  if place == 'held' then check_held(name) end
end
