#!lua flags=no-writes
--- @include "lib/payload"
-- One page of a place: which members and callbacks of batches lie there. Hashes and sorted sets are
-- scanned. A list is read from its head, `limit` at a time; as nothing is ever put into the middle of one, two
-- pages have no gap between them when the second holds some of the last few of the first: `edge` are their
-- digests.
-- Where more than a page was pushed meanwhile, these lie further on, and it goes on until they are met.
-- Returns {next cursor, {bid, {number ...} ...}, {callback ...}, edge, how many bytes were read}; the
-- cursor is "0" at the end, and "-1" when there may be a gap.
local EDGE = math.min(16, math.floor(limit / 2))
local cursor_now, found, edge_now = '0', {}, {}
local kind = redis.call('TYPE', key)['ok']

local function joins(at)
  local known = {}
  for _, digest in ipairs(edge) do known[digest] = true end
  for i = 1, #found do
    if known[redis.sha1hex(found[i])] then return true end
  end
  return at == 0
end

if kind == 'hash' or kind == 'zset' then
  local page = redis.call(kind == 'hash' and 'HSCAN' or 'ZSCAN', key, cursor, 'COUNT', math.min(250, limit))
  cursor_now = page[1]
  for i = 1, #page[2], 2 do table.insert(found, page[2][kind == 'hash' and i + 1 or i]) end
else
  local at = tonumber(cursor)
  local from = math.max(0, at - #edge)
  if kind == 'list' then found = redis.call('LRANGE', key, from, from + limit - 1) end
  local is_full = #found == limit
  if not joins(at) then
    if not is_full then return { '-1', {}, {}, {}, 0 } end
    edge_now = edge
  elseif is_full then
    for i = limit - EDGE + 1, limit do table.insert(edge_now, redis.sha1hex(found[i])) end
  end
  if is_full then cursor_now = string.format('%d', from + limit) end
end

local groups, at, callbacks, size = {}, {}, {}, 0
for _, payload in ipairs(found) do
  size = size + #payload
  if not is_plain(payload) then
    local jid, _, bid, cb = read(payload)
    if bid then
      if not at[bid] then
        table.insert(groups, bid); table.insert(groups, {})
        at[bid] = #groups
      end
      table.insert(groups[at[bid]], member_number(jid))
    end
    if cb then table.insert(callbacks, cb) end
  end
end
return { cursor_now, groups, callbacks, edge_now, size }
