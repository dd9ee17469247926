#!lua
--- @include "lib/lane"
--- @include "lib/spans"
-- Adds what a child has measured to the minutes and hours in which it was, and to the totals. `entries` are
-- lists of {minute, job name, numbers}: SUMS sums, and then pairs of a bin and a count. Where a hash has no room
-- for a name, it is counted under ''.
-- Returns 1 when all is there (now or since an earlier sending), 0 when the lane has moved on.
local said = lane_says(lane, number, digest)
if said then return said end
local SUMS = 4

local function add(sum, numbers)
  local places = {}
  for i = SUMS + 1, #sum, 2 do places[sum[i]] = i + 1 end
  for i = 1, SUMS do sum[i] = sum[i] + numbers[i] end
  for i = SUMS + 1, #numbers, 2 do
    local at = places[numbers[i]]
    if at then
      sum[at] = (sum[at] or 0) + numbers[i + 1]
    else
      sum[#sum + 1] = numbers[i]
      sum[#sum + 1] = numbers[i + 1]
    end
  end
end

-- What a hash holds under the names of these entries when they are added to it.
local function added(key, list)
  local names, sums = { '' }, {}
  for _, entry in ipairs(list) do table.insert(names, entry[2]) end
  local found = redis.call('HMGET', key, unpack(names))
  for i, name in ipairs(names) do sums[name] = unpacked(found[i], SUMS) end
  local room, fields, changed = NAMES - redis.call('HLEN', key) + (found[1] and 1 or 0), {}, {}
  for _, entry in ipairs(list) do
    local name = entry[2]
    if not sums[name] and name ~= '' then
      if room > 0 then room = room - 1 else name = '' end
    end
    if sums[name] then add(sums[name], entry[3]) else sums[name] = { unpack(entry[3]) } end
    changed[name] = true
  end
  for name in pairs(changed) do
    table.insert(fields, name)
    table.insert(fields, cmsgpack.pack(sums[name]))
  end
  return fields
end

local lists, writes = {}, {}
local function file(name, entry)
  if not lists[name] then lists[name] = {} end
  table.insert(lists[name], entry)
end
for _, entry in ipairs(entries) do
  file(minute_name(entry[1]), entry)
  file(hour_name(entry[1]), entry)
end
for name, list in pairs(lists) do
  local life = string.sub(name, 1, 1) == 'm' and MINUTES_LIVE or HOURS_LIVE
  table.insert(writes, { key_measured(name), life, added(key_measured(name), list) })
end
if #entries > 0 then table.insert(writes, { key_totals, nil, added(key_totals, entries) }) end
for _, write in ipairs(writes) do
  redis.call('HSET', write[1], unpack(write[3]))
  if write[2] then redis.call('EXPIRE', write[1], write[2]) end
end
lane_note(lane, number, digest)
return 1
