-- The lock of a number: how many wrong codes are compared for it, over all of its
-- verifications. Each tier has its own lock, so that strangers do not lock the owner out.
--
-- KEYS[2], rate_limit:wrong_codes:{slot}: for each number of the slot, by tier and digest,
-- how many wrong codes came since the last right one, and the times of those of the last day,
-- the newest first. A caller who knows only the slot can name this key.
-- KEYS[3], rate_limit:wrong_codes_end:{slot}: the same fields by the time at which the streak
-- ends, so that old ones can be removed.

local HOUR, DAY = 3600 * 1000, 24 * 3600 * 1000
local STREAK_TTL = 90 * DAY

-- Returns how many wrong codes came in a row, and their times.
local function read_lock(field)
  local numbers = {}
  for number in string.gmatch(redis.call('HGET', KEYS[2], field) or '0', '%d+') do
    numbers[#numbers + 1] = tonumber(number)
  end
  local streak = table.remove(numbers, 1)
  if numbers[1] and numbers[1] + STREAK_TTL <= now then return 0, {} end
  return streak, numbers
end

-- Returns for how long the number is locked, or nil.
local function lock_wait(streak, times)
  local wait
  local function apply_maximum(maximum, period)
    local oldest = times[maximum]
    if oldest and oldest + period > now then
      wait = math.max(wait or 0, oldest + period - now)
    end
  end
  apply_maximum(WRONG_PER_HOUR, HOUR)
  apply_maximum(WRONG_PER_DAY, DAY)
  if streak >= WRONG_STREAK then apply_maximum(WRONG_PER_DAY_IN_STREAK, DAY) end
  return wait
end

local function write_lock(field, streak, times)
  redis.call('HSET', KEYS[2], field, streak .. ' ' .. table.concat(times, ' '))
end

-- Records a wrong code. Returns whether it locks the number.
local function record_failure(field, streak, times)
  table.insert(times, 1, now)
  -- The newest stays: it says when the streak ends.
  while #times > WRONG_PER_DAY or (#times > 1 and times[#times] + DAY <= now) do
    table.remove(times)
  end
  write_lock(field, streak + 1, times)
  if redis.call('ZADD', KEYS[3], now + STREAK_TTL, field) == 1 then
    -- For each number that is added, several that have ended are removed.
    local ended = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now, 'LIMIT', 0, 4)
    if #ended > 0 then
      redis.call('HDEL', KEYS[2], unpack(ended))
      redis.call('ZREM', KEYS[3], unpack(ended))
    end
  end
  redis.call('PEXPIRE', KEYS[2], STREAK_TTL)
  redis.call('PEXPIRE', KEYS[3], STREAK_TTL)
  return lock_wait(streak + 1, times) ~= nil
end

-- Records a right code, which ends the streak.
local function record_success(field, streak, times)
  if streak > 0 then write_lock(field, 0, times) end
end
