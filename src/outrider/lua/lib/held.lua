-- A held list is known by its name as long as it holds anything. Returns whether it does.
local function check_held(name)
  if redis.call('EXISTS', key_held(name)) == 1 then return true end
  redis.call('SREM', key_heldnames, name)
  return false
end
