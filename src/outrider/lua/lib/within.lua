-- Payloads may be a mebibyte each, and a script has to be brief: reads up to `limit` of them, but no more
-- than fill `bytes`, and one at least. `fetch` gives those from one place to another, counted from 0; a few
-- at a time, as nobody can tell the size of what he has not read.
local STEP, BYTES = 25, 262144

-- What lies at these places of a list, counted from its tail, in the order in which it is taken.
local function from_tail(key, first, last)
  local jobs = redis.call('LRANGE', key, -last - 1, -first - 1)
  for i = 1, math.floor(#jobs / 2) do jobs[i], jobs[#jobs + 1 - i] = jobs[#jobs + 1 - i], jobs[i] end
  return jobs
end

local function within(limit, bytes, fetch)
  local found, count, size, step = {}, 0, 0, 1
  while count < limit and size < bytes do
    local more = fetch(count, math.min(count + step, limit) - 1)
    for i = 1, #more do
      if size >= bytes then break end
      count = count + 1
      found[count] = more[i]
      size = size + #more[i]
    end
    if #more < step then break end
    step = math.min(STEP, math.ceil((bytes - size) * count / (size + 1)))
  end
  return found
end
