#!lua flags=allow-oom
--- @include "lib/dead"
--- @include "lib/payload"
--- @include "lib/lists"
-- Moves up to `limit` due jobs of `schedule` or `retry` to their queues, bytes unchanged but for the
-- spliced enqueued_at. What is no job goes to the dead set as it is.
-- Returns {how many were due, when the next one is due in ms or -1}.
local set = prefix .. name
local due = redis.call('ZRANGE', set, '-inf', seconds(now), 'BYSCORE', 'LIMIT', 0, limit)
local by_queue, order, unreadable = {}, {}, {}
for _, payload in ipairs(due) do
  local jid, queue = read(payload)
  if not jid then
    table.insert(unreadable, payload)
  else
    queue = queue or 'default'
    if not by_queue[queue] then by_queue[queue] = {}; table.insert(order, queue) end
    table.insert(by_queue[queue], stamp(payload, now))
  end
end
for _, queue in ipairs(order) do push_all(queue, by_queue[queue]) end
bury(unreadable, now)
if #due > 0 then redis.call('ZREM', set, unpack(due)) end
local following = redis.call('ZRANGE', set, 0, 0, 'WITHSCORES')
return { #due, following[2] and math.floor(tonumber(following[2]) * 1000) or -1 }
