-- Equal scores are in the order of bytes; Lua's own comparison goes by the locale.
local function comes_after(text, other)
  local shorter = math.min(#text, #other)
  for first = 1, shorter, 256 do
    if string.sub(text, first, first + 255) ~= string.sub(other, first, first + 255) then
      for at = first, shorter do
        local one, two = string.byte(text, at), string.byte(other, at)
        if one ~= two then return one > two end
      end
    end
  end
  return #text > #other
end

-- How many of a sorted set are not after `text` of `score`, whether that is there or not.
local function rank_after(key, score, text)
  local low, high = redis.call('ZCOUNT', key, '-inf', '(' .. score), redis.call('ZCOUNT', key, '-inf', score)
  while low < high do
    local middle = math.floor((low + high) / 2)
    if comes_after(redis.call('ZRANGE', key, middle, middle)[1], text) then high = middle else low = middle + 1 end
  end
  return low
end
