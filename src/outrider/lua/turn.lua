#!lua flags=allow-oom
-- Takes the turn to audit, or keeps it, for `life` ms. A worker of the release before, which does not say how
-- its claims lie, loses it: it knows of no held lists, and would take what lies there for lost.
-- Returns 1, 0 when another worker has it.
local has = redis.call('GET', key_auditor)
if has and has ~= identity then
  local owners = key_owners(has)
  if redis.call('EXISTS', owners) == 0 or redis.call('HEXISTS', owners, ':v') == 1 then return 0 end
end
redis.call('SET', key_auditor, identity, 'PX', life)
return 1
