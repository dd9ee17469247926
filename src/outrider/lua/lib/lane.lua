-- Producer lanes: a lane belongs to one connection and has one request in flight, so a request that
-- is sent again after a lost reply is told from a new one. Returns nil when the request is new,
-- 1 when it was executed already, 0 when the lane has moved on or belongs to somebody else.
local LANE_LIFE = 604800

local function lane_says(lane, number, digest)
  local last = redis.call('GET', key_lane(lane))
  if not last then return nil end
  local last_number, last_digest = string.match(last, '^(%d+):(.*)$')
  last_number = tonumber(last_number)
  if number > last_number then return nil end
  if number == last_number and digest == last_digest then
    -- Whoever waits for replicas or the disk waits for the last write of his connection: this is one.
    redis.call('EXPIRE', key_lane(lane), LANE_LIFE)
    return 1
  end
  return 0
end

local function lane_note(lane, number, digest)
  redis.call('SET', key_lane(lane), string.format('%d:%s', number, digest), 'EX', LANE_LIFE)
end
