#!lua flags=no-writes
--- @include "lib/page"
--- @include "lib/place"
--- @include "lib/rank"
-- A page of a set in the order of time: jobs that come after `payload` of `score`, up to `limit` of them
-- (or as many as fill a script), those on their way there at their places among the others. With `ties` that
-- job is known by its id, and was the one of that number among those of its score. `ahead` may be read at
-- once. Returns for the set, and for each that is on its way, {1 when there are more, scores, sizes, payloads};
-- what comes after the first end of those with more is not of this page.
local NEAR, MOST = 300, 1000

local function known_as(key)
  local low, high = redis.call('ZCOUNT', key, '-inf', '(' .. score), redis.call('ZCOUNT', key, '-inf', score)
  local was = low + ties - 1
  local from = math.max(was - NEAR, low)
  local near = redis.call('ZRANGE', key, from, math.min(was + NEAR, high - 1))
  local found, off = nil, math.huge
  for i, one in ipairs(near) do
    -- Others may speak of it, in their arguments; of copies it is the nearest.
    if jid ~= '' and string.find(one, jid, 1, true) and math.abs(from + i - 1 - was) < off
      and string.match(one, '"jid"%s*:%s*"([^"\\]*)"') == jid then
      found, off = one, math.abs(from + i - 1 - was)
    end
  end
  -- Where it is gone, the one before it is there now; what has no id can't be seen to be gone.
  return found or near[math.min(low + ties - from - (jid == '' and 0 or 1), #near)] or ''
end

local all, answer = parts(place, ''), {}
if ties > 0 then payload = known_as(all[1].key) end
local each, share = math.max(math.min(limit, math.floor(MOST / #all)), 1), bytes / #all
for i, part in ipairs(all) do
  texts, sizes, count, size = {}, {}, 0, 0
  local first, scores, left = rank_after(part.key, score, payload), {}, redis.call('ZCARD', part.key)
  left = left - first
  while takes(each, share) and count < left do
    local at = first + count
    local found = redis.call('ZRANGE', part.key, at, at + more_of(each, share, ahead) - 1, 'WITHSCORES')
    for word = 1, #found, 2 do
      if takes(each, share) then
        take_in(found[word])
        scores[count] = found[word + 1]
      end
    end
  end
  answer[i] = { left > count and 1 or 0, table.concat(scores, ' '), bundle() }
end
return answer
