#!lua flags=allow-oom
--- @include "lib/dead"
--- @include "lib/payload"
--- @include "lib/lists"
--- @include "lib/news"
--- @include "lib/within"
-- Moves up to `limit` due jobs (or those that fill `bytes`) of `schedule` or `retry` to their queues, bytes
-- unchanged but for the spliced enqueued_at. What is no job goes to the dead set as it is. Whoever moved
-- jobs last leads: while it is at it, others leave what is due to it.
-- Returns {how many were moved, when the next one is due in ms or -1, 1 unless another worker leads}.
local TURN, KEPT = 500, 600
local set = prefix .. name
local at, leader = string.match(redis.call('GET', key_scheduler) or '', '^(%d+) (.*)$')
local leads = not leader or leader == identity

local function next_at()
  local first = redis.call('ZRANGE', set, 0, 0, 'WITHSCORES')
  -- Others write times of any precision: it is due in the millisecond after.
  return first[2] and math.ceil(tonumber(first[2]) * 1000 - 0.001) or -1
end

local due = redis.call('ZCOUNT', set, '-inf', seconds(now))
-- A clock that has jumped must not keep jobs back: a turn begins within half a second of now.
if due == 0 or (not leads and math.abs(now - at) < TURN) then return { 0, next_at(), leads and 1 or 0 } end

local found = within(math.min(limit, due), bytes, function(first, last)
  return redis.call('ZRANGE', set, first, last)
end)
local by_queue, order, unreadable = {}, {}, {}
local tail = ',' .. stamp_of(now) .. '}'
local last, list, length -- the queue of the job before, which mostly is this one's as well

local function list_of(queue)
  local known = by_queue[queue]
  if not known then
    known = is_queue(queue) and {} or unreadable
    by_queue[queue] = known
    if known ~= unreadable then table.insert(order, queue) end
  end
  return known
end

for i = 1, #found do
  local payload = found[i]
  local queue = plain_queue(payload)
  if not queue then
    local jid
    jid, queue = read(payload)
    queue = jid and (queue or 'default')
  end
  if queue ~= last or not list then
    last, list = queue, queue and list_of(queue) or unreadable
    length = #list
  end
  if list == unreadable then
    table.insert(list, payload)
  else
    length = length + 1
    -- What `append` does, with less to join.
    list[length] = byte(payload, -1) == 125 and sub(payload, 1, -2) .. tail or append(payload, stamp_of(now))
  end
end
for _, queue in ipairs(order) do push_all(queue, by_queue[queue]) end
bury(unreadable, now)
redis.call('ZREMRANGEBYRANK', set, 0, #found - 1)
redis.call('SET', key_scheduler, string.format('%d %s', now, identity), 'EX', KEPT)
for _, queue in ipairs(order) do tell_news('job.due', by_queue[queue]) end
tell_news('job.buried', unreadable)
return { #found, next_at(), 1 }
