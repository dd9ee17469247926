#!lua flags=no-writes
--- @include "lib/rank"
-- A page of the batches that are not settled, or with `dead` 1 of those with dead members: up to `limit`, or as
-- many as fill `bytes`, one at least, that come after `last` of `score`; the longest untouched first, or with
-- `newest` 1 the last touched. Returns {1 when there are more, {bid, score, when it expires in ms or less than 0,
-- fields} ...}; there are no fields of one that is gone, and without `full` 1 of none.
local key, step = dead == 1 and key_deaths or key_batches, newest == 1 and -1 or 1
local count = redis.call('ZCARD', key)
local at = newest == 1 and count - 1 or 0
if last ~= '' then
  at = rank_after(key, score, last)
  if newest == 1 then at = at - (redis.call('ZSCORE', key, last) == score and 2 or 1) end
end
local listed = {}
if at >= 0 then
  listed = newest == 1 and redis.call('ZRANGE', key, math.max(0, at - limit + 1), at, 'WITHSCORES')
    or redis.call('ZRANGE', key, at, at + limit - 1, 'WITHSCORES')
end
local answer, size = { 0 }, 0
for i = 1, #listed, 2 do
  if size < bytes then
    local from = newest == 1 and #listed - i or i
    local bid, fields, expires = listed[from], {}, -1
    if full == 1 then
      fields, expires = redis.call('HGETALL', key_batch(bid)), redis.call('PEXPIRETIME', key_batch(bid))
    end
    for _, word in ipairs(fields) do size = size + #word end
    table.insert(answer, { bid, listed[from + 1], expires, fields })
    at = at + step
  end
end
answer[1] = at >= 0 and at < count and 1 or 0
return answer
