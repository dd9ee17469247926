#!lua flags=allow-oom
--- @include "lib/batch"
--- @include "lib/line"
--- @include "lib/lists"
--- @include "lib/taking"
-- Puts one job of a set on its queue now, as `changed` (its payload but for what a retry by hand
-- resets); a dead member or callback is failing from then on.
-- Returns 1, 0 when the job is not there, -1 when its batch or one above it is cancelled, -2 when it is no job.
local part = find(place, '', payload)
if not part then return 0 end
local jid, queue, bid, cb = read(payload)
if not jid then return -2 end
local dead = bid and state_of(slots_of(bid), member_number(jid)) == DEAD
if bid and place == 'dead' and (is_cancelled_in_line(bid) or redis.call('ZSCORE', key_cancelled, bid)) then
  return -1
end
local misfits = misfit(key_queue(queue or 'default'), 'list')
if misfits then return misfits end

push_all(queue or 'default', { stamp(changed, now) })
take(place, '', part, payload)
if bid then void_audit(bid) end
if dead then advance(bid, { member_number(jid), FAILING }, now) end
if cb then revive_callback(cb) end
settle_all(now)
return 1
