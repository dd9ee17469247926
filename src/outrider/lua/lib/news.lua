-- News: what a script brings about to jobs, told on a channel for each event to whoever listens at this moment.
-- It comes last, and may fail (this user may not publish, say): what was written stands all the same. Nothing
-- is put together for nobody. A message is a line with a word for each job, `size:note`, and then the
-- payloads, end to end: there is no encoding that could fail on one that is no text.
local heard = {}

local function is_heard(event)
  if heard[event] == nil then
    heard[event] = (redis.pcall('PUBSUB', 'NUMSUB', channel_news(event))[2] or 0) > 0
  end
  return heard[event]
end

local function tell_news(event, payloads, notes)
  if #payloads == 0 or not is_heard(event) then return end
  local words = {}
  for i = 1, #payloads do words[i] = #payloads[i] .. ':' .. (notes and notes[i] or '') end
  redis.pcall('PUBLISH', channel_news(event), table.concat(words, ' ') .. '\n' .. table.concat(payloads))
end
