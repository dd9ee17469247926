-- Sidekiq's counters, for ever and by UTC day; a day's lives five years.
local function count(name, by, day)
  if by == 0 then return end
  redis.call('INCRBY', key_stat(name), by)
  local key = key_stat(name .. ':' .. day)
  if redis.call('INCRBY', key, by) == by then redis.call('EXPIRE', key, 5 * 366 * 86400) end
end
