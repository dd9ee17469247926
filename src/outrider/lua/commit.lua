#!lua
--- @include "lib/lane"
--- @include "lib/batch"
--- @include "lib/adding"
--- @include "lib/hold"
--- @include "lib/moving"
-- Commits blocks of jobs to batches, all or nothing. `batches` are {bid, parent or '', fields, ranges,
-- first queue, from inside, hold or ''}, the outer before the inner; a batch whose fields are given is created.
-- `ranges` are {first number, count}; the first of a range is even, so that its states are whole bytes.
-- `staged` are {name, count} of what was staged before: all of it must be there still.
-- Returns {1, ''}, {0, ''} when the lane is not ours, {-1, bid} for an unknown batch, {-2, bid} for a
-- settled one, {-3, bid} for a cancelled one, or {-4, ''} when what was staged has lapsed: then nothing
-- was written.
local said = lane_says(lane, number, digest)
if said then return { said, '' } end

for _, one in ipairs(staged) do if staged_count(one[1]) ~= one[2] then return { -4, '' } end end
local made = {}
for _, one in ipairs(batches) do
  local bid, parent, is_new = one[1], one[2], #one[3] > 0
  local asked = is_new and parent or bid
  local no = asked ~= '' and not made[asked] and refused(asked, one[6], not is_new and one[7] ~= '')
  if no then return { no, asked } end
  made[bid] = is_new
end

-- Where the queue (or the schedule) is empty, what was staged becomes it; else it is to be moved.
local function hand_over(name, now)
  local goal, queue = goal_of(name)
  if queue ~= '' then redis.call('SADD', key_queues, queue) end
  redis.call('PERSIST', key_staged(name))
  if redis.call('EXISTS', goal) == 1 then
    redis.call('ZADD', key_moving, string.format('%d', now), name)
  else
    redis.call('RENAME', key_staged(name), goal)
  end
end

local function add_numbers(bid, ranges)
  local total, past = 0, tonumber(redis.call('HGET', key_batch(bid), 'n') or 0)
  for _, range in ipairs(ranges) do
    local first, count = range[1], range[2]
    local odd = count % 2
    redis.call('SETRANGE', key_slots(bid), first / 2, string.rep('\17', (count - odd) / 2) .. string.rep('\16', odd))
    total, past = total + count, math.max(past, first + count + odd)
  end
  redis.call('HSET', key_batch(bid), 'n', past)
  redis.call('HINCRBY', key_batch(bid), 'total', total)
  redis.call('HINCRBY', key_batch(bid), 's1', total)
end

for _, one in ipairs(batches) do
  local bid, parent, create, ranges, first_queue, _, hold = unpack(one)
  local batch = key_batch(bid)
  if #create > 0 then
    redis.call('HSET', batch, 'v', 1, 'created_at', string.format('%d', now), unpack(create))
    if parent ~= '' and redis.call('HSETNX', key_kids(parent), bid, 0) == 1 then
      local level = tonumber(redis.call('HGET', key_batch(parent), 'level') or 0)
      redis.call('HSET', batch, 'parent', parent, 'level', level + 1)
      redis.call('HINCRBY', key_batch(parent), 'kids', 1)
      touch(parent)
    end
  end
  add_numbers(bid, ranges)
  if hold ~= '' then take_hold(bid, hold) end
  if first_queue ~= '' then redis.call('HSETNX', batch, 'queue', first_queue) end
  redis.call('ZADD', key_batches, string.format('%d', now), bid)
  redis.call('ZADD', key_audit, 'NX', string.format('%d', now), bid)
  if #create == 0 then void_audit(bid) end
  touch(bid)
end
for _, one in ipairs(staged) do hand_over(one[1], now) end
for _, group in ipairs(queues) do push_all(group[1], group[2]) end
if #scheduled > 0 then call_many('ZADD', key_schedule, scheduled) end
lane_note(lane, number, digest)
settle_all(now)
return { 1, '' }
