#!lua flags=allow-oom
--- @include "lib/adding"
--- @include "lib/batch"
--- @include "lib/place"
-- Puts members and callbacks of one batch that lie in a set on their queues now. Each of `jobs` is a
-- payload as it lies there, and the same as it goes on; dead ones are failing from then on. Left out is
-- what lies there no more, and copies of what has come to its end.
-- Returns how many, -1 when the batch is unknown, -3 when it or one above it is cancelled.
local why = refused(bid, true)
if why == -1 or why == -3 then return why end
local key = lies(place, '')
local slots, changes, revived, callbacks, moves = slots_of(bid), {}, {}, {}, {}

for _, job in ipairs(jobs) do
  local jid, queue, member_of, cb = read(job[1])
  if jid and redis.call('ZSCORE', key, job[1]) then
    local move = { queue = queue or 'default', from = job[1], to = job[2] }
    if member_of == bid then
      local number = member_number(jid)
      local state = state_of(slots, number)
      if state == DEAD and not revived[number] then
        revived[number] = true -- once, however many copies of it there are
        table.insert(changes, number); table.insert(changes, FAILING)
      end
      if state == DEAD or state == WAITING or state == FAILING then table.insert(moves, move) end
    elseif cb then
      local event, index = string.match(cb, '^' .. bid .. ':(%a+):(%d+)$')
      local state = event and redis.call('HGET', key_batch(bid), 'cs:' .. event .. ':' .. index)
      if state and (OPEN[state] or state == 'dead') then
        table.insert(moves, move)
        table.insert(callbacks, cb)
      end
    end
  end
end

for _, move in ipairs(moves) do
  local misfits = misfit(key_queue(move.queue), 'list')
  if misfits then return misfits end
end
for _, move in ipairs(moves) do
  push_all(move.queue, { stamp(move.to, now) })
  redis.call('ZREM', key, move.from)
end
if #moves > 0 then void_audit(bid) end
if #changes > 0 then advance(bid, changes, now) end
for _, cb in ipairs(callbacks) do revive_callback(cb) end
settle_all(now)
return #moves
