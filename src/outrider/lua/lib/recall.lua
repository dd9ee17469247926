--- @include "lib/blame"
--- @include "lib/lists"
-- Takes up to `limit` claims (256 KiB, but one at least) from a child that is gone back to the front of
-- their queues. The child is fenced first, so that it cannot claim again in between. `marks` says of
-- `child:token` what its payload is told. Returns how many claims were moved.
local RECALL_BYTES = 262144

local function recall_claims(identity, child, limit, marks, now)
  local owners, claims = key_owners(identity), key_claims(identity .. ':' .. child)
  redis.call('HSET', owners, child, 'gone')
  local tokens = redis.call('HKEYS', claims)
  for i, token in ipairs(tokens) do tokens[i] = tonumber(token) end
  table.sort(tokens)
  -- The newest first: what returns last lies at the front, and the oldest belongs there.
  local taken, bytes = {}, 0
  for i = #tokens, math.max(1, #tokens - limit + 1), -1 do
    local token = string.format('%d', tokens[i])
    bytes = bytes + redis.call('HSTRLEN', claims, token)
    if bytes > RECALL_BYTES and #taken > 0 then break end
    table.insert(taken, token)
  end
  if #taken > 0 then
    local jobs = {}
    for i, payload in ipairs(redis.call('HMGET', claims, unpack(taken))) do
      local _, queue, bid = read(payload)
      -- Who cancels took it for running, and left it; it has to be looked at again.
      if bid and redis.call('HEXISTS', key_batch(bid), 'cancelled_at') == 1 then
        redis.call('ZINCRBY', key_cancelling, 1, bid)
      end
      payload = marked(payload, marks[child .. ':' .. taken[i]], now)
      jobs[#taken - i + 1] = { queue = queue or 'default', payload = payload }
    end
    give_back(jobs)
    redis.call('HDEL', claims, unpack(taken))
  end
  if #taken == #tokens then redis.call('HDEL', owners, child, child .. ':ack') end
  return #taken
end

local function children_of(identity)
  local children = {}
  for _, name in ipairs(redis.call('HKEYS', key_owners(identity))) do
    if not string.find(name, ':', 1, true) then table.insert(children, name) end
  end
  return children
end

-- The same for a worker, one child after another; when nothing is left, the worker is forgotten.
local function recall_worker(identity, limit, marks, now)
  local moved = 0
  for _, child in ipairs(children_of(identity)) do
    if moved == 0 then moved = recall_claims(identity, child, limit, marks, now) end
  end
  if #children_of(identity) == 0 then
    redis.call('ZREM', key_leases, identity)
    redis.call('SREM', key_processes, identity)
    if redis.call('GET', key_auditor) == identity then redis.call('DEL', key_auditor) end
    redis.call('DEL', key_owners(identity), key_process(identity), key_work(identity), key_workers(identity),
      key_signals(identity))
  end
  return moved
end
