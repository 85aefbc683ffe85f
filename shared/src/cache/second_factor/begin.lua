-- Counts an attempt before its code is compared, so that parallel guesses cannot exceed the
-- maximum. The last attempt of the window sets the lock at once; a right code removes it again.
for _, key in ipairs(KEYS) do
  -- A repeat of this call: counted already.
  if redis.call('HEXISTS', key, attempt) == 1 then return { 'compare' } end
end
local wait = 0
for _, key in ipairs(KEYS) do wait = math.max(wait, number(key, 'locked_until') - now) end
if wait > 0 then return { 'locked', wait } end
if KEYS[2] and number(KEYS[2], 'wrong:' .. code) > now - SAME_CODE_PERIOD then
  return { 'repeated' }
end
for _, key in ipairs(KEYS) do
  local n = count(key) + 1
  redis.call('HSET', key, attempt, now)
  if n >= MAX_ATTEMPTS then
    local locks = number(key, 'locks')
    local lock = math.min(FIRST_LOCK * 2 ^ math.min(locks, 20), LONGEST_LOCK)
    redis.call('HSET', key, 'locked_until', string.format('%.0f', now + lock), 'locks', locks + 1)
  end
  redis.call('PEXPIRE', key, RECORD_TTL)
end
return { 'compare' }
