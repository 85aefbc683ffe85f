-- Says what became of an attempt that was counted. A second run finds nothing left to do.
local outcome = ARGV[4]
for n, key in ipairs(KEYS) do
  local is_counted = redis.call('HEXISTS', key, attempt) == 1
  if is_counted and outcome == 'right' then
    redis.call('DEL', key)
  elseif is_counted and outcome == 'wrong' then
    if n == 2 then redis.call('HSET', key, 'wrong:' .. code, now) end
  elseif is_counted then
    redis.call('HDEL', key, attempt)
    -- The lock that this attempt set, or helped to set.
    if number(key, 'locked_until') > now and count(key) < MAX_ATTEMPTS then
      redis.call('HSET', key, 'locked_until', 0, 'locks', math.max(0, number(key, 'locks') - 1))
    end
  end
end
return { 'settled' }
