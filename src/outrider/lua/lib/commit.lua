--- @include "lib/batch"
--- @include "lib/adding"
--- @include "lib/hold"
--- @include "lib/moving"
-- Committing blocks of jobs. `batches` are {bid, parent or '', fields, ranges, first queue, from inside,
-- hold or ''}, the outer before the inner; a batch whose fields are given is created. `ranges` are {first
-- number, count}; the first of a range is even, so that its states are whole bytes. `staged` are {name,
-- count} of what was staged before.

-- Why it can't be committed: {-1, bid} for an unknown batch, {-2, bid} for a settled one, {-3, bid} for a
-- cancelled one, {-4, ''} when what was staged has lapsed; nil when it can.
local function refusal(batches, staged)
  for _, one in ipairs(staged) do if staged_count(one[1]) ~= one[2] then return { -4, '' } end end
  local made = {}
  for _, one in ipairs(batches) do
    local bid, parent, is_new = one[1], one[2], #one[3] > 0
    local asked = is_new and parent or bid
    local no = asked ~= '' and not made[asked] and refused(asked, one[6], not is_new and one[7] ~= '')
    if no then return { no, asked } end
    made[bid] = is_new
  end
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

-- Writes the states of new members. Returns how many they are, and the first number not taken.
local function add_states(bid, ranges)
  local total, past = 0, 0
  for _, range in ipairs(ranges) do
    local first, count = range[1], range[2]
    local odd = count % 2
    redis.call('SETRANGE', key_slots(bid), first / 2, string.rep('\17', (count - odd) / 2) .. string.rep('\16', odd))
    total, past = total + count, math.max(past, first + count + odd)
  end
  return total, past
end

-- What is written once for many new batches: a block may hold thousands of them.
local active, born, levels, children, parents = {}, {}, {}, {}, {}

local function become_child(bid, parent)
  if not children[parent] then
    children[parent] = {}
    table.insert(parents, parent)
    levels[parent] = levels[parent] or tonumber(redis.call('HGET', key_batch(parent), 'level') or 0)
  end
  table.insert(children[parent], bid); table.insert(children[parent], 0)
  levels[bid] = levels[parent] + 1
end

local function create_batch(bid, parent, create, total, past, first_queue, now)
  local fields = { 'v', 1, 'created_at', string.format('%d', now) }
  local function also(name, value) table.insert(fields, name); table.insert(fields, value) end
  for i = 1, #create, 2 do
    if create[i] == 'n' then past = math.max(past, create[i + 1]) else also(create[i], create[i + 1]) end
  end
  if parent ~= '' then
    become_child(bid, parent)
    also('parent', parent); also('level', levels[bid])
  end
  if first_queue ~= '' then also('queue', first_queue) end
  also('total', total); also('s1', total); also('n', past)
  call_many('HSET', key_batch(bid), fields)
end

local function add_to_batch(bid, total, past, first_queue)
  local batch = key_batch(bid)
  if first_queue ~= '' then redis.call('HSETNX', batch, 'queue', first_queue) end
  if total == 0 then return end
  redis.call('HSET', batch, 'n', math.max(past, tonumber(redis.call('HGET', batch, 'n') or 0)))
  redis.call('HINCRBY', batch, 'total', total)
  redis.call('HINCRBY', batch, 's1', total)
end

-- Writes all of it, when there is no refusal. `settle_all` must follow.
local function commit_all(batches, staged, queues, scheduled, now)
  for _, one in ipairs(batches) do
    local bid, parent, create, ranges, first_queue, _, hold = unpack(one)
    local is_new = #create > 0 and redis.call('EXISTS', key_batch(bid)) == 0
    local total, past = add_states(bid, ranges)
    if is_new then
      create_batch(bid, parent, create, total, past, first_queue, now)
    else
      add_to_batch(bid, total, past, first_queue)
    end
    if hold ~= '' then take_hold(bid, hold) end
    table.insert(active, string.format('%d', now)); table.insert(active, bid)
    if is_new then
      table.insert(born, string.format('%d', now)); table.insert(born, bid)
    else
      redis.call('ZADD', key_audit, 'NX', string.format('%d', now), bid)
      void_audit(bid)
    end
    -- Nothing is due in a new batch that has jobs.
    if total == 0 or not is_new then touch(bid) end
  end
  call_many('ZADD', key_batches, active)
  call_many('ZADD', key_audit, born)
  for _, parent in ipairs(parents) do
    call_many('HSET', key_kids(parent), children[parent])
    redis.call('HINCRBY', key_batch(parent), 'kids', #children[parent] / 2)
    touch(parent)
  end
  for _, one in ipairs(staged) do hand_over(one[1], now) end
  for _, group in ipairs(queues) do push_all(group[1], group[2]) end
  if #scheduled > 0 then call_many('ZADD', key_schedule, scheduled) end
end
