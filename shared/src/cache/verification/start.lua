-- Starts a verification, if its limits and the breaker of its country allow one more code.
-- A record with this id is from an earlier try of the same call.
-- KEYS: verification:{slot}:{id}; the limits; on a single node the breaker's keys.
-- ARGV: now, how many limits, whether the breaker is asked, block, when the record ends; the
-- arguments of each limit; name and value of each field of the record.
if redis.call('EXISTS', KEYS[1]) == 1 then return { 'ok', 0 } end
local limits, has_breaker = tonumber(ARGV[2]), ARGV[3] == '1'
local breaker, blocks = KEYS[limits + 2], KEYS[limits + 3]
if has_breaker then
  local refusal = breaker_refusal(breaker, blocks, ARGV[4])
  if refusal then return refusal end
end
local taken = take_limits(2, limits, 6)
if taken[1] > 0 then return { 'limited', tripped, taken[1], taken[2] } end
redis.call('HSET', KEYS[1], unpack(ARGV, 6 + 3 * limits))
if has_breaker then
  local minute, probe = breaker_record_send(breaker, blocks, ARGV[4])
  redis.call('HSET', KEYS[1], 'sent_minute', minute, 'half_open_probe', probe)
end
redis.call('PEXPIRE', KEYS[1], tonumber(ARGV[5]) - now)
return { 'ok', tripped }
