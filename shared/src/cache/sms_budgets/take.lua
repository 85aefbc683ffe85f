-- In a cluster: takes a budget of SMS and asks the breaker of the country, before the script
-- of the number runs.
-- KEYS: the limits; the breaker's keys. ARGV: now, how many limits, whether the breaker is
-- asked, block; the arguments of each limit.
local limits, has_breaker = tonumber(ARGV[2]), ARGV[3] == '1'
local breaker, blocks = KEYS[limits + 1], KEYS[limits + 2]
if has_breaker then
  local refusal = breaker_refusal(breaker, blocks, ARGV[4])
  if refusal then return refusal end
end
local taken = take_limits(1, limits, 5)
if taken[1] > 0 then return { 'limited', tripped, taken[1], taken[2] } end
if not has_breaker then return { 'ok', 0, '', '' } end
return { 'ok', tripped, breaker_record_send(breaker, blocks, ARGV[4]) }
