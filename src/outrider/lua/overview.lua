#!lua flags=no-writes
--- @include "lib/moving"
-- Numbers of everything at one moment, with a page of the queues and one of the workers: from '0' on until the
-- cursor is '0' again, '' for none. What is on its way to a queue or into the schedule is counted there. The first
-- page has the queues that are paused and were never pushed to, too. Returns {{processed, failed, expired},
-- {scheduled, retries, dead}, {job name, how many are held, 1 when paused} ... in one list, queues' next cursor,
-- {name, size, 1 when paused, the job to be taken first} ... in one list, workers' next cursor, {identity, what it
-- says of `busy`} ... in one list}. Where jobs fill `bytes`, only since when they wait is told of others, as of a job; a job is ''
-- where that is not found near its end, or where so much was read that the server would be held up.
-- Any program may have written here: a key of another type holds no jobs.
local function count_of(kind, key)
  local found = redis.pcall(kind == 'list' and 'LLEN' or 'ZCARD', key)
  return type(found) == 'number' and found or 0
end

local function first_of(key)
  local found = redis.pcall('LINDEX', key, -1)
  return type(found) == 'string' and found or nil
end

local on_way, next_on_way = {}, {}
for _, name in ipairs(redis.call('ZRANGE', key_moving, 0, -1)) do
  local queue = string.sub(name, 18)
  on_way[queue] = (on_way[queue] or 0) + staged_count(name)
  next_on_way[queue] = next_on_way[queue] or key_staged(name)
end

local names, following = {}, ''
if queues_from ~= '' then
  following, names = unpack(redis.call('SSCAN', key_queues, queues_from, 'COUNT', count))
end
if queues_from == '0' then
  for _, name in ipairs(redis.call('SDIFF', key_paused, key_queues)) do table.insert(names, name) end
end
local TAIL, MOST = 1000, 16 * bytes
local queues, left, seen = {}, bytes, 0
for _, name in ipairs(names) do
  local first = ''
  if seen < MOST then
    first = first_of(key_queue(name)) or (next_on_way[name] and first_of(next_on_way[name])) or ''
  end
  seen = seen + #first
  if #first > left then
    local since = string.match(string.sub(first, -TAIL), '.*"enqueued_at"%s*:%s*(%d+%.?%d*)')
    first = since and '{"enqueued_at":' .. since .. '}' or ''
  end
  left = left - #first
  table.insert(queues, name)
  table.insert(queues, count_of('list', key_queue(name)) + (on_way[name] or 0))
  table.insert(queues, redis.call('SISMEMBER', key_paused, name))
  table.insert(queues, first)
end

local identities, next_workers, busy = {}, '', {}
if workers_from ~= '' then
  next_workers, identities = unpack(redis.call('SSCAN', key_processes, workers_from, 'COUNT', count))
end
for _, identity in ipairs(identities) do
  local says = redis.pcall('HMGET', key_process(identity), 'busy', 'beat', 'info')
  if not says.err and (says[1] or says[2] or says[3]) then
    table.insert(busy, identity)
    table.insert(busy, says[1] or '0')
  end
end

local jobs, held = redis.call('SMEMBERS', key_heldnames), {}
for _, name in ipairs(redis.call('SDIFF', key_pausednames, key_heldnames)) do table.insert(jobs, name) end
for _, name in ipairs(jobs) do
  table.insert(held, name)
  table.insert(held, redis.call('LLEN', key_held(name)))
  table.insert(held, redis.call('SISMEMBER', key_pausednames, name))
end
local sizes = { count_of('set', key_schedule) + (on_way[''] or 0), count_of('set', key_retry),
  count_of('set', key_dead) }
local counted = redis.call('MGET', key_stat('processed'), key_stat('failed'), key_stat('expired'))
for i = 1, 3 do counted[i] = counted[i] or '0' end
return { counted, sizes, held, following, queues, next_workers, busy }
