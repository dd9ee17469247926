#!lua flags=no-writes
-- Which of these commands the user of this connection may call, with these arguments. Asked in a script, it
-- takes no right but to run scripts; ACL DRYRUN would take one to look at all users.
local answer = {}
for i, words in ipairs(attempts) do answer[i] = redis.acl_check_cmd(unpack(words)) and 1 or 0 end
return answer
