#!lua flags=allow-oom
--- @include "lib/time"
--- @include "lib/layout"
--- @include "lib/recall"
-- Returns the jobs of one worker whose lease has lapsed, `limit` at a time, and forgets the worker
-- when none is left. What its last beat named as running is blamed. A worker whose claims are laid out
-- in a newer way is left to others. Returns {identity or '', how many jobs were moved}.
local now = server_now(override)
local vt = tick(now)
local lapsed = redis.call('ZRANGE', key_leases, '-inf', '(' .. string.format('%d', vt), 'BYSCORE', 'LIMIT', 0, 100)
for _, identity in ipairs(lapsed) do
  local layout, started = unpack(redis.call('HMGET', key_owners(identity), ':v', ':started'))
  if tonumber(layout or LAYOUT) <= tonumber(LAYOUT) then
    local marks = {}
    for claim in string.gmatch(started or '', '%S+') do marks[claim] = 'blamed' end
    return { identity, recall_worker(identity, limit, marks, now) }
  end
end
return { '', 0 }
