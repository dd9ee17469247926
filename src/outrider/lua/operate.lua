#!lua flags=allow-oom
--- @include "lib/batch"
--- @include "lib/dead"
--- @include "lib/operation"
--- @include "lib/picking"
--- @include "lib/trash"
-- One step of an operation: moves some jobs of one place to the trash, the dead set or their queues (`act`),
-- tells their batches, and notes how far the operation has come. `aims` are {length of a payload, length of
-- what it becomes on its queue (0: it can't go there), position when seen, note on who dies}. Who lies there
-- no more is passed over. Returns the operation's fields; a step that was done before is not done again.
if not is_due(id, step) then return redis.call('HGETALL', key_operation(id)) end
local jobs, read_to = {}, 1
local function next_text(length)
  read_to = read_to + length
  return string.sub(payloads, read_to - length, read_to - 1)
end
for i, aim in ipairs(aims) do
  jobs[i] = { payload = next_text(aim[1]), changed = next_text(aim[2]), at = aim[3], note = aim[4] }
end
local key = lies(place, name)
local chosen = pick(key, is_list(place), jobs)
for _, job in ipairs(chosen) do job.jid, job.queue, job.bid, job.cb = read(job.payload) end

-- Which may be put on their queues, as `requeue` has it for one.
local known = {}
local function known_of(kind, name, ask)
  if known[kind .. name] == nil then known[kind .. name] = ask(name) end
  return known[kind .. name]
end
local function is_over(bid) return is_cancelled_in_line(bid) or redis.call('ZSCORE', key_cancelled, bid) ~= false end
local function may_go_on(job)
  if not job.jid or job.changed == '' then return false end
  if place == 'dead' and job.bid and known_of('batch ', job.bid, is_over) then return false end
  return known_of('queue ', job.queue or 'default', is_queue)
end

local function each_goes_on(going)
  local by_queue, queues = {}, {}
  for _, job in ipairs(going) do
    local queue = job.queue or 'default'
    if not by_queue[queue] then by_queue[queue] = {}; table.insert(queues, queue) end
    table.insert(by_queue[queue], stamp(job.changed, now))
  end
  for _, queue in ipairs(queues) do push_all(queue, by_queue[queue]) end
end

-- Tells the batches of those that go. Who is put on a queue fails from then on only if it was dead.
local function tell_batch(bid, members, state)
  local slots, changes, told = slots_of(bid), {}, {}
  for _, job in ipairs(members) do
    local number = member_number(job.jid)
    local was = state_of(slots, number)
    -- Once, however many copies of it there are.
    if not told[number] and may_become(was, state) and (state ~= FAILING or was == DEAD) then
      told[number] = true
      if state == DEAD then note_failure(bid, number, job.note) end
      table.insert(changes, number); table.insert(changes, state)
    end
  end
  if state == FAILING then void_audit(bid) end
  if #changes > 0 then advance(bid, changes, now) end
end

local function tell(going, state, word)
  local members, batches = {}, {}
  for _, job in ipairs(going) do
    if job.bid then
      if not members[job.bid] then members[job.bid] = {}; table.insert(batches, job.bid) end
      table.insert(members[job.bid], job)
    end
    if job.cb and word then callback_is(job.cb, word) elseif job.cb then revive_callback(job.cb) end
  end
  for _, bid in ipairs(batches) do tell_batch(bid, members[bid], state) end
end

local going, refused = chosen, 0
if act == 'queue' then
  going = {}
  for _, job in ipairs(chosen) do
    if may_go_on(job) then table.insert(going, job) else refused = refused + 1 end
  end
  each_goes_on(going)
elseif act == 'dead' then
  local payloads_of = {}
  for i, job in ipairs(going) do payloads_of[i] = job.payload end
  bury(payloads_of, now)
else
  local entries = {}
  for i, job in ipairs(going) do entries[i] = { job.payload, job.score } end
  discard(place, name, id, entries, now)
end
take_all(place, name, key, going, id .. ':' .. step)
if act == 'queue' then
  tell(going, FAILING)
elseif place ~= 'dead' then
  tell(going, act == 'dead' and DEAD or DELETED, act == 'dead' and 'dead' or 'deleted')
end
settle_all(now)
note_step(id, step, driver, fields, #going, refused, ends, now)
return redis.call('HGETALL', key_operation(id))
