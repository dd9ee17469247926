-- Where a worker shows what it runs; Sidekiq up to 6.4 knows it under another name.
local function board_of(identity)
  local board = key_work(identity)
  return redis.call('EXISTS', board) == 1 and board or key_workers(identity)
end
