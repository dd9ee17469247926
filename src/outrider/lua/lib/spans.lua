-- What is measured lies by minute and by hour, so that a look at three days is one at 72 hashes. A hash has
-- room for so many names, and is forgotten so long after the last word of it.
local NAMES, MINUTES_LIVE, HOURS_LIVE = 1000, 8 * 3600 + 300, 7 * 86400 + 3600

local function minute_name(minute) return string.format('minute:%d', minute) end

local function hour_name(minute) return string.format('hour:%d', math.floor(minute / 60)) end

-- Numbers as they are packed; nil where there are none, or something else lies there.
local function unpacked(text)
  local ok, numbers = pcall(cmsgpack.unpack, text or '')
  if ok and type(numbers) == 'table' and type(numbers[1]) == 'number' then return numbers end
end
