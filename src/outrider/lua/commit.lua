#!lua
--- @include "lib/lane"
--- @include "lib/commit"
-- Commits blocks of jobs to batches, all or nothing; see lib/commit.lua for what is given.
-- Returns {1, ''}, {0, ''} when the lane is not ours, or a refusal: then nothing was written.
local said = lane_says(lane, number, digest)
if said then return { said, '' } end
local no = refusal(batches, staged)
if no then return no end
commit_all(batches, staged, queues, scheduled, now)
lane_note(lane, number, digest)
settle_all(now)
return { 1, '' }
