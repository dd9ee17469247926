#!lua flags=allow-oom
--- @include "lib/batch"
--- @include "lib/lists"
--- @include "lib/place"
-- Puts one job of a set on its queue now, as `changed` (its payload but for what a retry by hand
-- resets); a dead member or callback is failing from then on.
-- Returns 1, 0 when the job is not there, -1 when its batch is cancelled, -2 when it is no job.
local key = lies(place, '')
if not hold(place, key, payload) then return 0 end
local jid, queue, bid, cb = read(payload)
if not jid then return -2 end
local dead = bid and slot_states(bid, { member_number(jid) })[1] == DEAD
if bid and place == 'dead' and redis.call('HEXISTS', key_batch(bid), 'cancelled_at') == 1 then return -1 end
if bid and place == 'dead' and redis.call('ZSCORE', key_cancelled, bid) then return -1 end

push_all(queue or 'default', { stamp(changed, now) })
take(place, key, payload)
if bid then void_audit(bid) end
if dead then advance(bid, { { member_number(jid), FAILING } }, now) end
if cb then revive_callback(cb) end
settle_all(now)
return 1
