-- The lock of a number: how many wrong codes are evaluated for it, over all of its
-- verifications. Apart for each tier, so that strangers do not lock the owner out.
-- args.lock: per_hour, per_day, streak, per_day_in_streak.

local HOUR, DAY = 3600 * 1000, 24 * 3600 * 1000
local STREAK_TTL = 90 * DAY

local function lock_keys(record)
  local id = record.tier .. ':' .. record.phone_key
  return 'rate_limit:wrong_codes:' .. id, 'rate_limit:wrong_streak:' .. id
end

-- How long confirming is locked; nothing if it is not.
local function lock_wait(record)
  local log, streak = lock_keys(record)
  local times = redis.call('LRANGE', log, 0, -1) -- the newest first
  local wait
  local function cap(most, period)
    local oldest = tonumber(times[most] or 0)
    if oldest > 0 and oldest + period > now then
      wait = math.max(wait or 0, oldest + period - now)
    end
  end
  cap(args.lock.per_hour, HOUR)
  cap(args.lock.per_day, DAY)
  if tonumber(redis.call('GET', streak) or 0) >= args.lock.streak then
    cap(args.lock.per_day_in_streak, DAY)
  end
  return wait
end

-- Notes a wrong code. True if it was the one that locks.
local function record_failure(record)
  local log, streak = lock_keys(record)
  redis.call('LPUSH', log, now)
  redis.call('LTRIM', log, 0, args.lock.per_day - 1)
  redis.call('PEXPIRE', log, DAY)
  redis.call('INCR', streak)
  redis.call('PEXPIRE', streak, STREAK_TTL)
  return lock_wait(record) ~= nil
end

-- Notes a right code: the streak ends.
local function record_success(record)
  local _, streak = lock_keys(record)
  redis.call('UNLINK', streak)
end
