#!lua flags=allow-oom
--- @include "lib/payload"
--- @include "lib/lists"
--- @include "lib/within"
-- Gives jobs that a living child holds and will not start back to the front of their queues: those whose
-- tokens are above `begun` and not above `revoked`, the newest first, up to `limit` (or those that fill
-- `bytes`) at a time. Returns how many were moved.
local claims = key_claims(identity .. ':' .. child)
local tokens = {}
for _, text in ipairs(redis.call('HKEYS', claims)) do
  local token = tonumber(text)
  if token > begun and token <= revoked then table.insert(tokens, token) end
end
table.sort(tokens, function(one, other) return one > other end)
for i, token in ipairs(tokens) do tokens[i] = string.format('%d', token) end

local found = within(math.min(limit, #tokens), bytes, function(first, last)
  return redis.call('HMGET', claims, unpack(tokens, first + 1, last + 1))
end)
local jobs = {}
for i = #found, 1, -1 do
  local _, queue, bid = read(found[i])
  -- Who cancels took it for running, and left it; it has to be looked at again.
  if bid and redis.call('HEXISTS', key_batch(bid), 'cancelled_at') == 1 then
    redis.call('ZINCRBY', key_cancelling, 1, bid)
  end
  table.insert(jobs, { queue = queue or 'default', payload = found[i] })
end
if #jobs == 0 then return 0 end
give_back(jobs)
redis.call('HDEL', claims, unpack(tokens, 1, #jobs))
return #jobs
