#!lua flags=no-writes
--- @include "lib/bundle"
--- @include "lib/place"
--- @include "lib/within"
-- A page of a queue or held list, the job to be taken first at position 0, and what is on its way behind
-- what lies there. It begins after the job whose id is the first of `marks`, or the next, where that is
-- gone; and after as many more as had no id there. It was before `start`, when the line held `length` jobs. Who only comes behind it leaves it there, and who
-- only goes before it, taken or deleted, shifts it by as many as are fewer now: so it is looked for at both.
-- Large jobs are looked through in a smaller circle. Where none is found, the page begins before both, or at
-- the front if they were that near: all were taken.
-- Returns {position of the first, 1 when it follows the first mark, how many of the page lie there, length of
-- the line, sizes, payloads}.
local NEAR = 300
local line, total = parts(place, name), 0
for _, part in ipairs(line) do
  part.length = redis.call('LLEN', part.key)
  total = total + part.length
end

local function stretch(first, last)
  local found, ahead = {}, 0
  for _, part in ipairs(line) do
    local from, to = math.max(first - ahead, 0), math.min(last - ahead, part.length - 1)
    if from <= to then
      for _, payload in ipairs(from_tail(part.key, from, to)) do table.insert(found, payload) end
    end
    ahead = ahead + part.length
  end
  return found
end

-- Ours have it in its place; of what others write, the first that looks like one.
local function jid_of(payload)
  local is_usual = string.sub(payload, 1, 8) == '{"jid":"' and string.find(payload, '"', 9, true) == 33
  if is_usual then return string.sub(payload, 9, 32) end
  return string.match(payload, '"jid"%s*:%s*"([^"\\]*)"') or ''
end

local ranks, best, first = {}, #marks + 2, nil
for rank = #marks, 1, -1 do ranks[marks[rank][1]] = rank end

local read = 0
local function look(at, near)
  local from = math.max(at - near, 0)
  for i, payload in ipairs(stretch(from, at + near)) do
    read = read + #payload
    local rank = ranks[jid_of(payload)]
    if rank and rank <= best then best, first = rank, from + i + marks[rank][2] end
  end
end

local shifted, before = start + total - length, 1 + (marks[1] and marks[1][2] or 0)
for _, near in ipairs(start > 0 and #marks > 0 and { 0, NEAR / 15, NEAR } or {}) do
  if best > 1 and read < BYTES / 4 then
    look(start - before, near)
    if best > 1 and shifted ~= start then look(shifted - before, near) end
  end
end
local follows = start == 0 or best == 1 or (#marks == 0 and shifted == start)
if start == 0 or not first then
  first = math.max(0, math.min(start, shifted) - (#marks > 0 and count or 0))
  if #marks > 0 and start <= NEAR then first = 0 end
end
local found = within(count, BYTES, function(from, to) return stretch(first + from, first + to) end, count)
local lying = math.max(0, math.min(#found, line[1].length - first))
return { first, follows and 1 or 0, lying, total, bundle(found) }
