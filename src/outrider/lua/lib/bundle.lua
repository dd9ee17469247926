-- Payloads of a page in one text, and their sizes: where none of them holds what is looked for, that is seen at
-- one look, and nothing has to be cut out.
local function bundle(payloads)
  local sizes = {}
  for i, payload in ipairs(payloads) do sizes[i] = #payload end
  return table.concat(sizes, ' '), table.concat(payloads)
end
