#!lua flags=allow-oom
--- @include "lib/lists"
--- @include "lib/operation"
--- @include "lib/payload"
--- @include "lib/trash"
-- Puts jobs of the trash back where they lay, in a line to its front; `entries` are their times there, the
-- newest first. Members and callbacks of batches were told as deleted, and only who was dead before is not
-- wrong about it: all others are refused. As a step of an operation it counts, unless it was done before.
-- Returns {how many went back, how many were refused, the operation's fields}.
local record = id ~= '' and redis.call('HGETALL', key_operation(id)) or {}
if id ~= '' and not is_due(id, step) then return { 0, 0, record } end
local lines, sets, gone, refused = {}, {}, {}, 0
for i = #entries, 1, -1 do
  local at = whole(entries[i])
  local entry = redis.call('ZRANGE', key_trash, at, at, 'BYSCORE')[1]
  local place, score, length, past = string.match(entry or '', '^%d+:(%a+):([^:]*):%x*:(%d+):()')
  if place then
    local payload = string.sub(entry, past + length)
    local jid, queue, bid, cb = read(payload)
    if place ~= 'dead' and (bid or cb) then
      refused = refused + 1
    else
      table.insert(gone, entry)
      if place == 'queue' then
        table.insert(lines, { queue = string.sub(entry, past, past + length - 1), payload = payload })
      elseif place == 'held' then
        -- A worker that meets it puts it aside again, if its name is still paused.
        table.insert(lines, { queue = queue or 'default', payload = payload })
      else
        if not sets[place] then sets[place] = {} end
        table.insert(sets[place], score); table.insert(sets[place], payload)
      end
    end
  end
end
for place in pairs(sets) do
  local misfits = misfit(prefix .. place, 'zset')
  if misfits then return misfits end
end

give_back(lines)
for place, jobs in pairs(sets) do call_many('ZADD', prefix .. place, jobs) end
if #gone > 0 then redis.call('ZREM', key_trash, unpack(gone)) end
if id ~= '' then
  note_step(id, step, driver, fields, #gone, refused, ends, now)
  record = redis.call('HGETALL', key_operation(id))
end
return { #gone, refused, record }
