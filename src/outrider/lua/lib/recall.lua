--- @include "lib/payload"
--- @include "lib/lists"
-- Takes up to `limit` claims from a child that is gone back to the front of their queues. The child
-- is fenced first, so that it cannot claim again in between. Returns how many claims were moved.
local function recall_claims(identity, child, limit)
  local owners, claims = key_owners(identity), key_claims(identity .. ':' .. child)
  redis.call('HSET', owners, child, 'gone')
  local tokens = redis.call('HKEYS', claims)
  for i, token in ipairs(tokens) do tokens[i] = tonumber(token) end
  table.sort(tokens)
  -- The newest first: what returns last lies at the front, and the oldest belongs there.
  local taken = {}
  for i = math.max(1, #tokens - limit + 1), #tokens do table.insert(taken, string.format('%d', tokens[i])) end
  if #taken > 0 then
    local jobs = {}
    for _, payload in ipairs(redis.call('HMGET', claims, unpack(taken))) do
      local _, queue, bid = read(payload)
      -- Who cancels took it for running, and left it; it has to be looked at again.
      if bid and redis.call('HEXISTS', key_batch(bid), 'cancelled_at') == 1 then
        redis.call('ZINCRBY', key_cancelling, 1, bid)
      end
      table.insert(jobs, { queue = queue or 'default', payload = payload })
    end
    give_back(jobs)
    redis.call('HDEL', claims, unpack(taken))
  end
  if #taken == #tokens then redis.call('HDEL', owners, child, child .. ':ack') end
  return #taken
end

-- The same for all children of a worker; when nothing is left, the worker is forgotten.
local function recall_worker(identity, limit)
  local moved = 0
  for _, child in ipairs(redis.call('HKEYS', key_owners(identity))) do
    if not string.find(child, ':', 1, true) and moved < limit then
      moved = moved + recall_claims(identity, child, limit - moved)
    end
  end
  if moved < limit then
    redis.call('ZREM', key_leases, identity)
    redis.call('SREM', key_processes, identity)
    if redis.call('GET', key_auditor) == identity then redis.call('DEL', key_auditor) end
    redis.call('DEL', key_owners(identity), key_process(identity), key_work(identity), key_workers(identity),
      key_signals(identity))
  end
  return moved
end
