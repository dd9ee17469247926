-- Payloads may be a mebibyte each, and a script has to be brief: reads up to `limit` of them, but no more
-- than fill `bytes`, and one at least. `fetch` gives those from one place to another, counted from 0; a few
-- at a time, as nobody can tell the size of what he has not read.
local STEP, BYTES = 10, 262144

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
