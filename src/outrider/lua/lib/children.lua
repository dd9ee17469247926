-- The children of a worker; with a colon, `o:owners:{}` says other things of it.
local function children_of(identity)
  local children = {}
  for _, name in ipairs(redis.call('HKEYS', key_owners(identity))) do
    if not string.find(name, ':', 1, true) then table.insert(children, name) end
  end
  return children
end
