-- Where a worker shows what it runs; Sidekiq up to 6.4 knows it under another name. What is listed may be no
-- worker's name, and then a user with few rights may not even look.
local function board_of(identity)
  local board = key_work(identity)
  return redis.pcall('EXISTS', board) == 1 and board or key_workers(identity)
end
