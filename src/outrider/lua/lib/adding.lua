--- @include "lib/line"
-- Whether jobs or child batches may be added: nil when they may, -1 for an unknown batch, -2 for a
-- settled one, -3 when it or one above it is cancelled. A live member of it, or a live callback of a
-- child (`inside`), may add to a settled one too: while one lives, it is not settled now. So may who
-- holds it. One whose success is barred may be held (`to_hold`) after it has settled, to repair it.
local function refused(bid, inside, to_hold)
  local known = redis.call('HMGET', key_batch(bid), 'v', 'settled_at', 's1', 's2', 'kids', 'kids_settled',
    'holds', 'barred')
  if not known[1] then return -1 end
  if is_cancelled_in_line(bid) then return -3 end
  if not known[2] then return nil end
  local function count(i) return tonumber(known[i] or 0) end
  if count(7) > 0 or (to_hold and known[8]) then return nil end
  if inside and (count(3) + count(4) > 0 or count(6) < count(5)) then return nil end
  return -2
end
