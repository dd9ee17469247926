#!lua flags=no-writes
-- Which of these commands the user of this connection may call, with these arguments. Asked in a script, it
-- takes no right but to run scripts; ACL DRYRUN would take one to look at all users.
local answer, check = {}, redis.acl_check_cmd
assert(check, 'there is no acl_check_cmd')
for i, words in ipairs(attempts) do
  -- A command that the server does not have, such as WAITAOF before 7.2, is not one that it refuses.
  local known, allowed = pcall(check, unpack(words))
  answer[i] = (allowed or not known) and 1 or 0
end
return answer
