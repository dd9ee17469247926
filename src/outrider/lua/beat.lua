#!lua flags=allow-oom
--- @include "lib/payload"
--- @include "lib/time"
-- Renews a worker's lease and shows it to people. `register` is 1 for the first beat; later, a
-- lease that lapsed meanwhile is an answer: {0, now, ''}. Else {1, server's time in ms, signal or ''}.
local LARGE, room = 16384, 524288

-- What people see of a job: to encode large payloads, or many, anew would hold up the server.
local function shown(payload)
  room = room - #payload
  if #payload <= LARGE and room > 0 then return payload end
  local jid, queue = read(payload)
  if not jid then return '{}' end
  local size = string.format('(a payload of %d bytes)', #payload)
  return cjson.encode({ jid = jid, class = name_of(payload), queue = queue, args = { size } })
end

local now = server_now(override)
local vt = tick(now)
if register == 0 and not redis.call('ZSCORE', key_leases, identity) then return { 0, now, '' } end
redis.call('ZADD', key_leases, string.format('%d', vt + life), identity)
redis.call('SADD', key_processes, identity)
redis.call('HSET', key_process(identity), 'beat', string.format('%.3f', now / 1000), unpack(fields))
redis.call('EXPIRE', key_process(identity), 60)
local board, owners, started = key_work(identity), key_owners(identity), {}
redis.call('DEL', board)
for _, job in ipairs(work) do
  table.insert(started, job[2] .. ':' .. string.format('%d', job[3]))
  local payload = redis.call('HGET', key_claims(identity .. ':' .. job[2]), string.format('%d', job[3]))
  if payload then
    local queue = string.match(payload, '"queue":"([^"\\]+)"') or ''
    redis.call('HSET', board, job[1], string.format('{"queue":%s,"payload":%s,"run_at":%d}',
      cjson.encode(queue), cjson.encode(shown(payload)), job[4]))
  end
end
-- Whoever reaps this worker blames these. Without a child there is no record of owners.
if redis.call('EXISTS', owners) == 1 then redis.call('HSET', owners, ':started', table.concat(started, ' ')) end
if #work > 0 then redis.call('EXPIRE', board, 60) end
-- Sidekiq up to 6.4 looks for the board under another name; a copy expires with it.
redis.call('DEL', key_workers(identity))
redis.call('COPY', board, key_workers(identity))
-- It stays until the worker says that it has heard it: this answer may be lost.
return { 1, now, redis.call('LINDEX', key_signals(identity), -1) or '' }
