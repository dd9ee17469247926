-- Whether jobs or child batches may be added: nil when they may, -1 for an unknown batch, -2 for a
-- settled one. A live member of it, or a live callback of a child (`inside`), may add always: while
-- one lives, the batch is not settled now.
local function refused(bid, inside)
  local known = redis.call('HMGET', key_batch(bid), 'v', 'settled_at', 's1', 's2', 'kids', 'kids_settled')
  if not known[1] then return -1 end
  if not known[2] then return nil end
  local function count(i) return tonumber(known[i] or 0) end
  if inside and (count(3) + count(4) > 0 or count(6) < count(5)) then return nil end
  return -2
end
