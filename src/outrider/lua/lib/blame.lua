--- @include "lib/payload"
-- A job that ran when its process died is told so in its payload, as last field. The child that claims
-- it next judges it (worker/blame.py), for it has the app.
local BLAME_WINDOW = 72 * 3600

-- What is rarely needed of a payload; never to be encoded again.
local function field_of(payload, name)
  if not string.find(payload, '"' .. name .. '"', 1, true) then return nil end
  local ok, job = pcall(cjson.decode, payload)
  return ok and type(job) == 'table' and job[name] or nil
end

-- `mark` is nil, 'blamed' (the process died) or 'timed_out' (it was killed for this job).
local function marked(payload, mark, now)
  if mark == 'timed_out' then
    return append(payload, string.format('"timed_out":%.3f', tonumber(field_of(payload, 'timeout')) or 0))
  elseif mark ~= 'blamed' then
    return payload
  end
  local times, earlier = {}, field_of(payload, 'blamed')
  for _, at in ipairs(type(earlier) == 'table' and earlier or {}) do
    if type(at) == 'number' and at > now / 1000 - BLAME_WINDOW then table.insert(times, string.format('%.3f', at)) end
  end
  table.insert(times, seconds(now))
  return append(payload, '"blamed":[' .. table.concat(times, ',') .. ']')
end
