#!lua flags=allow-oom
--- @include "lib/batch"
--- @include "lib/dead"
--- @include "lib/stats"
-- Reports outcomes: `done` are tokens of jobs that succeeded; `others` are lists of
-- {kind, token, payload, at in ms, failure}. Each leaves the claims and arrives at its next place here.
-- Returns the tokens whose claim no longer stood: they changed nothing.
local owners, claims = key_owners(identity), key_claims(identity .. ':' .. child)
local known, last = unpack(redis.call('HMGET', owners, child, child .. ':ack'))
if last and request <= tonumber(last) then return {} end

local tokens, held, lost = {}, {}, {}
for _, token in ipairs(done) do table.insert(tokens, string.format('%d', token)) end
for _, other in ipairs(others) do table.insert(tokens, string.format('%d', other[2])) end
if #tokens > 0 then held = redis.call('HMGET', claims, unpack(tokens)) end
-- A job may end in the moment that it is cut off: of two outcomes the first counts.
if #others > 0 then
  local seen = {}
  for i, token in ipairs(tokens) do
    if seen[token] then held[i] = false end
    seen[token] = true
  end
end

local changes, callbacks, ran, failed = {}, {}, 0, 0
local retries, snoozed, released, dead, notes = {}, {}, {}, {}, {}

local function change(bid, number, state)
  local list = changes[bid]
  if not list then list = {}; changes[bid] = list end
  list[#list + 1], list[#list + 2] = number, state
end

for i = 1, #done do
  local payload = held[i]
  if not payload then
    table.insert(lost, done[i])
  else
    ran = ran + 1
    local bid, number = member_of(payload)
    if bid then
      change(bid, number, SUCCEEDED)
    elseif not is_plain(payload) then
      local jid, _, other_bid, cb = read(payload)
      if other_bid then change(other_bid, member_number(jid), SUCCEEDED) end
      if cb then table.insert(callbacks, { cb, 'succeeded' }) end
    end
  end
end

-- A member that another copy has brought to its end goes nowhere from here.
local function is_over(bid, jid)
  if not bid or redis.call('EXISTS', key_batch(bid)) == 0 then return false end
  return state_of(slots_of(bid), member_number(jid)) > FAILING
end

-- In a cancelled batch only success, discard and deletion count for what was running.
local function ends_cancelled(bid, kind)
  if not bid or kind == 'discard' then return false end
  return kind == 'cancel' or is_cancelled(bid)
end

local FAILED = { retry = true, dead = true, gone = true }

local function place(kind, payload, at, failure, jid, queue, bid, cb)
  if kind ~= 'release' and kind ~= 'snooze' then ran = ran + 1 end
  if FAILED[kind] then failed = failed + 1 end
  if ends_cancelled(bid, kind) then change(bid, member_number(jid), CANCELLED); return end
  if kind == 'release' then table.insert(released, { queue = queue or 'default', payload = payload }); return end
  if kind == 'snooze' then
    table.insert(snoozed, seconds(at)); table.insert(snoozed, payload); return
  end
  if is_over(bid, jid) then return end
  local state, word = DEAD, 'dead'
  if kind == 'retry' then
    table.insert(retries, seconds(at)); table.insert(retries, payload)
    state, word = FAILING, 'failing'
  elseif kind == 'discard' then
    state, word = DISCARDED, 'discarded'
  elseif kind == 'dead' then
    table.insert(dead, payload)
  end
  if bid then
    change(bid, member_number(jid), state)
    -- Others may write the number of nobody, of whom nothing is to be kept.
    if state_of(slots_of(bid), member_number(jid)) > 0 then
      table.insert(notes, { bid, member_number(jid), failure })
    end
  end
  if cb then table.insert(callbacks, { cb, word }) end
end

for i, other in ipairs(others) do
  local payload = held[#done + i]
  if not payload then
    table.insert(lost, other[2])
  else
    local jid, queue, bid, cb = read(payload)
    local next_payload = other[3] ~= '' and other[3] or payload
    place(other[1], next_payload, other[4], other[5], jid, queue, bid, cb)
  end
end

if known then redis.call('HSET', owners, child .. ':ack', string.format('%d', request)) end
if #retries > 0 then call_many('ZADD', key_retry, retries) end
if #snoozed > 0 then call_many('ZADD', key_schedule, snoozed) end
bury(dead, now)
give_back(released)
if #tokens > 0 then redis.call('HDEL', claims, unpack(tokens)) end
count('processed', ran, day)
count('failed', failed, day)
for _, note in ipairs(notes) do note_failure(note[1], note[2], note[3]) end
for bid, list in pairs(changes) do advance(bid, list, now) end
for _, callback in ipairs(callbacks) do callback_is(callback[1], callback[2]) end
settle_all(now)
return lost
