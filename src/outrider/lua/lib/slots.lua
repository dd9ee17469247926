-- The states of members in `o:slots:{}`, four bits each, the even number in the upper half of a byte.
-- Read and written by pages, a table of bytes each: one command a page instead of one a member.
local PAGE = 128

local function slots_of(bid) return { key = key_slots(bid), pages = {} } end

local function page_at(slots, first)
  local page = { string.byte(redis.call('GETRANGE', slots.key, first, first + PAGE - 1), 1, -1) }
  slots.pages[first] = page
  return page
end

-- The state of a member; 0 where there is none.
local function state_of(slots, number)
  local low = number % 2
  local at = (number - low) / 2
  local first = at - at % PAGE
  local byte = (slots.pages[first] or page_at(slots, first))[at - first + 1] or 0
  if low == 1 then return byte % 16 end
  return (byte - byte % 16) / 16
end

-- Sets the state of a member that has one; `write` must follow.
local function set_state(slots, number, state)
  local low = number % 2
  local at = (number - low) / 2
  local first = at - at % PAGE
  local page, index = slots.pages[first] or page_at(slots, first), at - first + 1
  local byte = page[index]
  if low == 1 then page[index] = byte - byte % 16 + state else page[index] = byte % 16 + 16 * state end
  page.from, page.to = math.min(page.from or index, index), math.max(page.to or index, index)
end

local function write(slots)
  for first, page in pairs(slots.pages) do
    if page.from then
      redis.call('SETRANGE', slots.key, first + page.from - 1, string.char(unpack(page, page.from, page.to)))
    end
  end
end
