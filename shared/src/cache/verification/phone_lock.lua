-- The lock of a number: how many wrong codes are compared for it, over all of its
-- verifications. Each tier has its own lock, so that strangers do not lock the owner out.
-- args.lock: per_hour, per_day, streak, per_day_in_streak.
--
-- rate_limit:wrong_codes:{tier}:{phone}: a list of times, the newest first.
-- rate_limit:wrong_streak:{tier}:{phone}: how many wrong codes came since the last right one.
-- Here expiry decides: a streak ends 90 days after its last wrong code.

local HOUR, DAY = 3600 * 1000, 24 * 3600 * 1000
local STREAK_TTL = 90 * DAY

local function lock_keys(record)
  local id = record.tier .. ':' .. record.phone_key
  return 'rate_limit:wrong_codes:' .. id, 'rate_limit:wrong_streak:' .. id
end

-- Returns for how long the number is locked, or nil.
local function lock_wait(record)
  local wrong_codes, streak = lock_keys(record)
  local times = redis.call('LRANGE', wrong_codes, 0, -1)
  local wait
  local function apply_maximum(maximum, period)
    local oldest = tonumber(times[maximum] or 0)
    if oldest > 0 and oldest + period > now then
      wait = math.max(wait or 0, oldest + period - now)
    end
  end
  apply_maximum(args.lock.per_hour, HOUR)
  apply_maximum(args.lock.per_day, DAY)
  if tonumber(redis.call('GET', streak) or 0) >= args.lock.streak then
    apply_maximum(args.lock.per_day_in_streak, DAY)
  end
  return wait
end

-- Records a wrong code. Returns whether it locks the number.
local function record_failure(record)
  local wrong_codes, streak = lock_keys(record)
  redis.call('LPUSH', wrong_codes, now)
  redis.call('LTRIM', wrong_codes, 0, args.lock.per_day - 1)
  redis.call('PEXPIRE', wrong_codes, DAY)
  redis.call('INCR', streak)
  redis.call('PEXPIRE', streak, STREAK_TTL)
  return lock_wait(record) ~= nil
end

-- Records a right code, which ends the streak.
local function record_success(record)
  local _, streak = lock_keys(record)
  redis.call('UNLINK', streak)
end
