local function is_cancelled(bid)
  return redis.call('HEXISTS', key_batch(bid), 'cancelled_at') == 1
end

-- Whether a batch, or one above it, is cancelled.
local function is_cancelled_in_line(bid)
  while bid do
    local known = redis.call('HMGET', key_batch(bid), 'cancelled_at', 'parent')
    if known[1] then return true end
    bid = known[2]
  end
  return false
end
