#!lua flags=no-writes
--- @include "lib/bundle"
--- @include "lib/place"
--- @include "lib/within"
-- A page of a queue or held list, the job to be taken first at position 0, and what is on its way behind
-- what lies there. It begins after the job whose id is the first of `marks`; or of the next, where that is gone.
-- It was before `start`, when the line held `length` jobs. Who only comes behind it leaves it there, and who
-- only goes before it, taken or deleted, shifts it by as many as are fewer now: so it is looked for at both.
-- Where none is found, the page begins before both, or at the front if they were that near: all were taken.
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
  local is_usual = string.sub(payload, 1, 8) == '{"jid":"' and string.byte(payload, 33) == 34
  if is_usual then return string.sub(payload, 9, 32) end
  return string.match(payload, '"jid"%s*:%s*"([^"\\]*)"') or ''
end

local ranks, best, first = {}, #marks + 1, nil
for rank = #marks, 1, -1 do ranks[marks[rank]] = rank end

local function look(at, near)
  local from = math.max(at - near, 0)
  for i, payload in ipairs(stretch(from, at + near)) do
    local rank = ranks[jid_of(payload)]
    if rank and rank <= best then best, first = rank, from + i end
  end
end

local shifted = start + total - length
for _, near in ipairs(start > 0 and #marks > 0 and { 0, NEAR } or {}) do
  if best > 1 then look(start - 1, near) end
  if best > 1 and shifted ~= start then look(shifted - 1, near) end
end
local follows = start == 0 or best == 1
if start == 0 then
  first = 0
elseif #marks == 0 and shifted == start then
  first = start
elseif not first then
  first = start <= NEAR and 0 or math.max(math.min(start, shifted) - count, 0)
end
local found = within(count, BYTES, function(from, to) return stretch(first + from, first + to) end, count)
local lying = math.max(0, math.min(#found, line[1].length - first))
return { first, follows and 1 or 0, lying, total, bundle(found) }
