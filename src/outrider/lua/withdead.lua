#!lua flags=no-writes
-- One page of all keys: which batches among them have dead members. Returns {next cursor, bid ...};
-- the cursor is "0" at the end.
local head = key_batch('')
local page = redis.call('SCAN', cursor, 'MATCH', pattern, 'COUNT', 1000)
local answer = { page[1] }
for _, key in ipairs(page[2]) do
  if tonumber(redis.call('HGET', key, 's6') or 0) > 0 then table.insert(answer, string.sub(key, #head + 1)) end
end
return answer
