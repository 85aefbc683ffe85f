-- Gives back what a code that was not sent has taken of the budgets and of the breaker.
-- KEYS: the limits; the breaker's keys. ARGV: now, how many limits, block, the minute of the
-- send (empty if the breaker did not count it), whether it was a half-open probe; the
-- arguments of each limit.
local limits = tonumber(ARGV[2])
for i = 1, limits do
  local full_at = tonumber(redis.call('GET', KEYS[i]) or 0) - tonumber(ARGV[3 + 3 * i])
  if full_at > now then set_full_at(KEYS[i], full_at) else redis.call('UNLINK', KEYS[i]) end
end
if ARGV[4] ~= '' then
  breaker_add(KEYS[limits + 1], KEYS[limits + 2], ARGV[3], ARGV[4], ARGV[5], SENT, -1)
end
return { 'ok', 0 }
