--- @include "lib/payload"
-- A job that ran when its process died is told so in its payload, as last field. The child that claims
-- it next judges it (worker/blame.py), for it has the app.
local BLAME_WINDOW = 72 * 3600

local function decoded(text)
  local ok, value = pcall(cjson.decode, text)
  return ok and type(value) == 'table' and value or {}
end

-- What is rarely needed of a payload; never to be encoded again.
local function field_of(payload, name)
  return string.find(payload, '"' .. name .. '"', 1, true) and decoded(payload)[name]
end

-- The times of earlier deaths. They were spliced in last, so that mostly the end says it: where no brace
-- follows but the one that closes the payload, no argument of the user's can be meant.
local function earlier_blame(payload)
  local list = string.match(string.sub(payload, -300), ',"blamed":(%[[%d.,]*%])[^%[{}]*}$')
  local times = list and decoded(list) or field_of(payload, 'blamed')
  return type(times) == 'table' and times or {}
end

-- `mark` is nil, 'blamed' (the process died) or 'timed_out' (it was killed for this job).
local function marked(payload, mark, now)
  if mark == 'timed_out' then
    return append(payload, string.format('"timed_out":%.3f', tonumber(field_of(payload, 'timeout')) or 0))
  elseif mark ~= 'blamed' then
    return payload
  end
  local times = {}
  for _, at in ipairs(earlier_blame(payload)) do
    if type(at) == 'number' and at > now / 1000 - BLAME_WINDOW then table.insert(times, string.format('%.3f', at)) end
  end
  table.insert(times, seconds(now))
  return append(payload, '"blamed":[' .. table.concat(times, ',') .. ']')
end
