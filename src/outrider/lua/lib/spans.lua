-- What is measured lies by minute and by hour, so that a look at three days is one at 72 hashes. A hash has
-- room for so many names, and is forgotten so long after the last word of it.
local NAMES, MINUTES_LIVE, HOURS_LIVE = 1000, 8 * 3600 + 300, 7 * 86400 + 3600

local function minute_name(minute) return string.format('minute:%d', minute) end

local function hour_name(minute) return string.format('hour:%d', math.floor(minute / 60)) end

-- Numbers as they are packed, `least` of them; nil where there are none, or something else lies there.
local function unpacked(text, least)
  local ok, numbers = pcall(cmsgpack.unpack, text or '')
  if not ok or type(numbers) ~= 'table' or #numbers < least then return nil end
  for _, number in ipairs(numbers) do
    if type(number) ~= 'number' then return nil end
  end
  return numbers
end
