--- @include "lib/blame"
--- @include "lib/children"
--- @include "lib/line"
--- @include "lib/lists"
--- @include "lib/news"
--- @include "lib/within"
-- Tokens above `begun`, and not above `revoked`, that a child holds: the newest first.
local function held_tokens(identity, child, begun, revoked)
  local tokens = {}
  for _, text in ipairs(redis.call('HKEYS', key_claims(identity .. ':' .. child))) do
    local token = tonumber(text)
    if token > begun and token <= revoked then table.insert(tokens, token) end
  end
  table.sort(tokens, function(one, other) return one > other end)
  for i, token in ipairs(tokens) do tokens[i] = string.format('%d', token) end
  return tokens
end

-- Gives the claims of the first `limit` of these tokens (or those that fill `bytes`) back to the front of
-- their queues. The newest come first: what returns last lies at the front, and the oldest belongs there.
-- `marks` says of `child:token` what its payload is told. Returns those that were moved.
local function return_claims(identity, child, tokens, limit, bytes, marks, now)
  local claims = key_claims(identity .. ':' .. child)
  local found = within(math.min(limit, #tokens), bytes, function(first, last)
    return redis.call('HMGET', claims, unpack(tokens, first + 1, last + 1))
  end)
  local jobs = {}
  for i = #found, 1, -1 do
    local _, queue, bid = read(found[i])
    -- Who cancels took it for running, and left it; it has to be looked at again.
    if bid and is_cancelled(bid) then redis.call('ZINCRBY', key_cancelling, 1, bid) end
    local mark = marks[child .. ':' .. tokens[i]]
    local payload = marked(found[i], mark, now)
    table.insert(jobs, { queue = queue or 'default', payload = payload, token = tokens[i], mark = mark })
  end
  if #jobs == 0 then return jobs end
  give_back(jobs)
  redis.call('HDEL', claims, unpack(tokens, 1, #jobs))
  return jobs
end

-- Tells what has come back from who is gone. Returns how many these are.
local function tell_recovered(jobs)
  if #jobs == 0 or not is_heard('job.recovered') then return #jobs end
  local payloads, notes = {}, {}
  for i, job in ipairs(jobs) do
    payloads[i], notes[i] = job.payload, job.token .. (job.mark == 'blamed' and '!' or '')
  end
  tell_news('job.recovered', payloads, notes)
  return #jobs
end

-- Takes claims back from a child that is gone. It is fenced first, so that it cannot claim again in between.
local function recall_claims(identity, child, limit, marks, now)
  local owners = key_owners(identity)
  redis.call('HSET', owners, child, 'gone')
  local tokens = held_tokens(identity, child, 0, math.huge)
  local jobs = return_claims(identity, child, tokens, limit, BYTES, marks, now)
  if #jobs == #tokens then redis.call('HDEL', owners, child, child .. ':ack') end
  return jobs
end

-- The same for a worker, one child after another; when nothing is left, the worker is forgotten.
local function recall_worker(identity, limit, marks, now)
  local jobs = {}
  for _, child in ipairs(children_of(identity)) do
    if #jobs == 0 then jobs = recall_claims(identity, child, limit, marks, now) end
  end
  if #children_of(identity) == 0 then
    redis.call('ZREM', key_leases, identity)
    redis.call('SREM', key_processes, identity)
    if redis.call('GET', key_auditor) == identity then redis.call('DEL', key_auditor) end
    redis.call('DEL', key_owners(identity), key_process(identity), key_work(identity), key_workers(identity),
      key_signals(identity))
  end
  return tell_recovered(jobs)
end
