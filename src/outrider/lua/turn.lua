#!lua flags=allow-oom
-- Takes the turn to audit, or keeps it, for `life` ms. Returns 1, 0 when another worker has it.
local has = redis.call('GET', key_auditor)
if has and has ~= identity then return 0 end
redis.call('SET', key_auditor, identity, 'PX', life)
return 1
