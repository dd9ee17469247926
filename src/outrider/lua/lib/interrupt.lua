-- Batches whose running members are to be interrupted. Each stands under a mark that is larger than all
-- before it, so a worker asks for what it has not heard yet. Marks are virtual times as well, at which
-- they are forgotten: nothing claimed after the cancelling ever starts, so what is old concerns nobody.
local INTERRUPT_LIFE = 60000

local function virtual_now() return tonumber(redis.call('HGET', key_clock, 'vt') or 0) end

local function interrupt(bid)
  local newest = redis.call('ZRANGE', key_interrupts, -1, -1, 'WITHSCORES')[2]
  local mark = math.max(virtual_now() + INTERRUPT_LIFE, tonumber(newest or 0) + 1)
  redis.call('ZADD', key_interrupts, string.format('%d', mark), bid)
end

-- Up to `limit` of those with a mark after `heard`: {bid, mark, bid, mark ...}; and forgets as many old ones.
local function interrupts_after(heard, limit)
  local vt = virtual_now()
  local old = redis.call('ZRANGE', key_interrupts, '-inf', '(' .. string.format('%d', vt), 'BYSCORE', 'LIMIT', 0, limit)
  if #old > 0 then redis.call('ZREM', key_interrupts, unpack(old)) end
  -- Marks that far ahead were heard before the server lost its data, and its clock with them.
  if heard > vt + 10 * INTERRUPT_LIFE then heard = 0 end
  return redis.call('ZRANGE', key_interrupts, '(' .. string.format('%d', heard), '+inf', 'BYSCORE', 'LIMIT', 0, limit, 'WITHSCORES')
end
