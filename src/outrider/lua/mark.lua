#!lua
-- Marks a moment, such as a deploy. The same label within a minute is one mark, since each host of a deploy may
-- say it. The newest MOST are kept. Returns the time of the mark, ms.
local MOST, APART, LIFE = 1000, 60000, 90 * 86400
local near = redis.call('ZRANGE', key_marks, at - APART, at + APART, 'BYSCORE')
for _, mark in ipairs(near) do
  local time, text = string.match(mark, '^(%d+) (.*)$')
  if text == label then return tonumber(time) end
end
local score = string.format('%d', at)
redis.call('ZADD', key_marks, score, score .. ' ' .. label)
redis.call('ZREMRANGEBYRANK', key_marks, 0, -MOST - 1)
redis.call('EXPIRE', key_marks, LIFE)
return at
