--- @include "lib/lists"
-- Jobs that were deleted lie in the trash for ten minutes, each with where it lay:
-- time:place:score:operation:length of name:name, and then the payload, byte for byte. The time is that of
-- deleting in microseconds, made different for each: so it names the entry, and pages begin by it. It is the
-- score, too.
local TRASH_LIFE = 600000
local WITHIN = 1000000

local function whole(number) return string.format('%.0f', number) end

-- `jobs` are {payload, score}, the one to be taken first at first; `id` is the operation's, or ''.
local function discard(place, name, id, jobs, now)
  if #jobs == 0 then return end
  local base, entries = now * 1000, {}
  -- Only what is near counts: one clock that was ahead must not date all that follows.
  local last = redis.call('ZRANGE', key_trash, whole(base + WITHIN), whole(base), 'BYSCORE', 'REV', 'LIMIT', 0, 1,
    'WITHSCORES')[2]
  local at = last and tonumber(last) + 1 or base
  for i, job in ipairs(jobs) do
    local time = whole(at + i - 1)
    table.insert(entries, time)
    table.insert(entries, table.concat({ time, place, job[2] or '', id, #name, name .. job[1] }, ':'))
  end
  call_many('ZADD', key_trash, entries)
end

-- Removes for good what was deleted before `until_ms`, `limit` at most; how many.
local function dispose_of(until_ms, limit)
  local count = math.min(limit, redis.call('ZCOUNT', key_trash, '-inf', '(' .. whole(until_ms * 1000)))
  if count > 0 then redis.call('ZREMRANGEBYRANK', key_trash, 0, count - 1) end
  return count
end
