#!lua flags=no-writes
--- @include "lib/place"
--- @include "lib/within"
-- A page of a set in the order of time: jobs that come after `payload` of `score`, about `count` of them
-- (or as many as fill a script), those on their way there at their places among the others. Returns for the
-- set, and for each that is on its way, {1 when there are more, payload, score ...}; what comes after the
-- first end of those with more is not of this page.
-- Equal scores are in the order of bytes; Lua's own comparison goes by the locale.
local function comes_after(text)
  for first = 1, math.min(#text, #payload), 256 do
    if string.sub(text, first, first + 255) ~= string.sub(payload, first, first + 255) then
      for at = first, math.min(#text, #payload) do
        local one, other = string.byte(text, at), string.byte(payload, at)
        if one ~= other then return one > other end
      end
    end
  end
  return #text > #payload
end

local function rank_after(key)
  local low, high = redis.call('ZCOUNT', key, '-inf', '(' .. score), redis.call('ZCOUNT', key, '-inf', score)
  while low < high do
    local middle = math.floor((low + high) / 2)
    if comes_after(redis.call('ZRANGE', key, middle, middle)[1]) then high = middle else low = middle + 1 end
  end
  return low
end

local all, answer = parts(place, ''), {}
local each = math.max(math.floor(count / #all), 1)
for i, part in ipairs(all) do
  local first = rank_after(part.key)
  local found = within(each, BYTES / #all, function(from, to)
    return redis.call('ZRANGE', part.key, first + from, first + to)
  end)
  local scores = #found > 0 and redis.call('ZMSCORE', part.key, unpack(found)) or {}
  answer[i] = { redis.call('ZCARD', part.key) > first + #found and 1 or 0 }
  for at, payload in ipairs(found) do
    table.insert(answer[i], payload)
    table.insert(answer[i], scores[at])
  end
end
return answer
