#!lua flags=no-writes
--- @include "lib/page"
--- @include "lib/place"
-- A page of a queue or held list, the job to be taken first at position 0, and what is on its way behind
-- what lies there. It begins after the job whose id is the first of `marks`, or the next, where that is
-- gone; and after as many more as had no id there. It was before `start`, when the line held `length` jobs. Who
-- only comes behind it leaves it there, and who only goes before it, taken or deleted, shifts it by as many as
-- are fewer now: so it is looked for at both. Large jobs are looked through in a smaller circle. Where none is
-- found, the page begins before both, or at the front if they were that near: all were taken. As many as
-- `ahead` may be read at once: deep in a long list each look costs as much as a page.
-- Returns {position of the first, 1 when it follows the first mark, how many of the page lie there, length of
-- the line, sizes, payloads}.
local NEAR, FAR = 20, 300
local line, total = parts(place, name), 0
for _, part in ipairs(line) do
  part.length = redis.call('LLEN', part.key)
  total = total + part.length
end

-- What was read last, from position `base` on.
local base, window, known = 0, {}, 0

local function read(first, last)
  base, window, known = first, {}, 0
  local before = 0
  for _, part in ipairs(line) do
    local from, to = math.max(first - before, 0), math.min(last - before, part.length - 1)
    local found = from <= to and redis.call('LRANGE', part.key, -to - 1, -from - 1) or {}
    for i = #found, 1, -1 do
      known = known + 1
      window[known] = found[i]
    end
    before = before + part.length
  end
end

-- Ours have it in its place; of what others write, the first that looks like one.
local function jid_of(payload)
  local is_usual = string.sub(payload, 1, 8) == '{"jid":"' and string.find(payload, '"', 9, true) == 33
  if is_usual then return string.sub(payload, 9, 32) end
  return string.match(payload, '"jid"%s*:%s*"([^"\\]*)"') or ''
end

local ranks, best, first, off, seen = {}, #marks + 1, nil, 0, 0
for rank = #marks, 1, -1 do ranks[marks[rank][1]] = rank end

-- Looks around two positions, at once; of copies it takes the one that is nearest to either.
local function look(low, high, near)
  if best == 1 or seen > bytes / 4 then return end
  read(math.max(low - near, 0), high + math.max(near, near == NEAR and ahead or 0))
  for i = 1, math.min(known, high + near - base + 1) do
    seen = seen + #window[i]
    local rank, at = ranks[jid_of(window[i])], base + i - 1
    local far = math.min(math.abs(at - low), math.abs(at - high))
    if rank and (rank < best or (rank == best and far < off) or not first) then
      best, first, off = rank, at + 1 + marks[rank][2], far
    end
  end
end

local shifted, before = start + total - length, 1 + (marks[1] and marks[1][2] or 0)
if start > 0 and #marks > 0 then
  local low, high = math.min(start, shifted) - before, math.max(start, shifted) - before
  for _, near in ipairs({ NEAR, FAR }) do
    if high - low <= 2 * FAR then
      look(low, high, near)
    else
      look(start - before, start - before, near)
      look(shifted - before, shifted - before, near)
    end
  end
end
local follows = start == 0 or (first and best == 1) or (#marks == 0 and shifted == start)
if start == 0 or not first then
  first = math.max(0, math.min(start, shifted) - (#marks > 0 and limit or 0))
  if #marks > 0 and start <= FAR then first = 0 end
end
while takes(limit, bytes) and first + count < total do
  local at = first + count
  if at < base or at >= base + known then read(at, at + more_of(limit, bytes, ahead) - 1) end
  take_in(window[at - base + 1])
end
local lying = math.max(0, math.min(count, line[1].length - first))
return { first, follows and 1 or 0, lying, total, bundle() }
