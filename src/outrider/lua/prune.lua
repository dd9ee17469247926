#!lua flags=allow-oom
-- Takes workers off the list that have said nothing for a minute. One that is only late puts itself on
-- again with its next beat. Returns how many it were.
local pruned = 0
for _, identity in ipairs(identities) do
  if redis.pcall('EXISTS', key_process(identity)) == 0 then
    pruned = pruned + redis.call('SREM', key_processes, identity)
  end
end
return pruned
