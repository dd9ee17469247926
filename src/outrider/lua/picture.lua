#!lua flags=no-writes
-- A batch as it stands at one moment. Returns its fields, what is noted of failing and dead members
-- (flat: number, JSON), the states of these members in the same order, its children (flat: bid, how
-- it counts), when it expires in ms, or less than 0, and whether it has a parent that is known; nothing
-- but empty lists when it is unknown.
local fields = redis.call('HGETALL', key_batch(bid))
local failures = redis.call('HGETALL', key_failures(bid))
local ops = {}
for i = 1, #failures, 2 do
  table.insert(ops, 'GET'); table.insert(ops, 'u4'); table.insert(ops, '#' .. failures[i])
end
local states = #ops > 0 and redis.call('BITFIELD_RO', key_slots(bid), unpack(ops)) or {}
local parent = redis.call('HGET', key_batch(bid), 'parent')
local has_parent = parent and redis.call('EXISTS', key_batch(parent)) or 0
return { fields, failures, states, redis.call('HGETALL', key_kids(bid)), redis.call('PEXPIRETIME', key_batch(bid)),
  has_parent }
