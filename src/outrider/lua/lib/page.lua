-- What a page takes up: payloads may be a mebibyte each, and a script has to be brief. It goes as one text, with
-- the sizes: where none of its payloads holds what is looked for that is seen at one look.
local texts, sizes, count, size = {}, {}, 0, 0

local function takes(limit, bytes) return count < limit and size < bytes end

local function take_in(payload)
  count = count + 1
  texts[count], sizes[count], size = payload, #payload, size + #payload
end

-- How many to read next: as many as may fill it, by what is known of their sizes, and no leap into the dark.
local function more_of(limit, bytes, ahead)
  local expected = count == 0 and ahead or math.min(8 * count, math.ceil((bytes - size) * count / (size + 1)))
  return math.max(1, math.min(limit - count, expected))
end

local function bundle() return table.concat(sizes, ' '), table.concat(texts) end
