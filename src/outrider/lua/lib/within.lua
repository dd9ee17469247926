-- Payloads may be a mebibyte each, and a script has to be brief: reads up to `limit` of them, but no more
-- than fill `bytes`, and one at least. `fetch` gives those from one place to another, counted from 0; a few
-- at a time, as nobody can tell the size of what he has not read.
local STEP, BYTES = 10, 262144

local function within(limit, bytes, fetch)
  local found, size, step = {}, 0, 1
  while #found < limit and size < bytes do
    local more = fetch(#found, math.min(#found + step, limit) - 1)
    for i = 1, #more do
      if size >= bytes then break end
      found[#found + 1] = more[i]
      size = size + #more[i]
    end
    if #more < step then break end
    step = math.min(STEP, math.ceil((bytes - size) * #found / (size + 1)))
  end
  return found
end
