#!lua
--- @include "lib/lane"
--- @include "lib/commit"
--- @include "lib/stats"
-- Reports that an outbox job has succeeded, and pushes what it enqueued: both or neither. What is given
-- for the latter is as in lib/commit.lua.
-- Returns {1, ''}, {0, ''} when the lane is not ours, a refusal, or {-5, ''} when the claim no longer
-- stands: but for the first nothing was written. Which of several sendings counts is told by the claim
-- itself; the lane only tells a sender that his own was it.
local said = lane_says(lane, number, digest)
if said then return { said, '' } end
local claims = key_claims(owner)
local payload = redis.call('HGET', claims, string.format('%d', token))
if not payload then return { -5, '' } end
local no = refusal(batches, staged)
if no then return no end
commit_all(batches, staged, queues, scheduled, now)
redis.call('HDEL', claims, string.format('%d', token))
count('processed', 1, day)
-- Only now: as long as it was alive, it could add to its batch.
local jid, _, bid, cb = read(payload)
if bid then advance(bid, { member_number(jid), SUCCEEDED }, now) end
if cb then callback_is(cb, 'succeeded') end
lane_note(lane, number, digest)
settle_all(now)
return { 1, '' }
