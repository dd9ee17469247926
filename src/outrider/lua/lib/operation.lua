-- The record of an operation. Steps are numbered, so each is done once, whoever asks for it and however often.
local OPERATION_LIFE, OPERATION_LEASE = 7 * 86400, 5000

local function is_due(id, step)
  local known = redis.call('HMGET', key_operation(id), 'state', 'step')
  return known[1] == 'running' and tonumber(known[2]) == step
end

local function end_operation(id, state, now)
  redis.call('HSET', key_operation(id), 'state', state, 'ended_at', string.format('%d', now))
  redis.call('EXPIRE', key_operation(id), OPERATION_LIFE)
  redis.call('ZREM', key_operating, id)
end

local function note_step(id, step, driver, fields, done, refused, ends, now)
  local record = key_operation(id)
  redis.call('HSET', record, 'step', step + 1, 'driver', driver, unpack(fields))
  if done > 0 then redis.call('HINCRBY', record, 'done', done) end
  if refused > 0 then redis.call('HINCRBY', record, 'refused', refused) end
  redis.call('ZADD', key_operating, 'XX', string.format('%d', now + OPERATION_LEASE), id)
  if ends ~= '' then end_operation(id, ends, now) end
end
