-- Starts a verification, if its limits and the breaker of its country allow one more code, and
-- decides how long its codes are.
-- A record with this id is from an earlier try of the same call.
-- KEYS: verification:{slot}:{id}; the keys of code_history.lua; the limits; on a single node the
-- breaker's keys.
-- ARGV: now, how many limits, whether the breaker is asked, block, when the record ends, which
-- codes the client can enter (empty: the history does not decide, codes have 6 digits), the
-- number's field in the history, the digests of the codes of 6 and of 10 digits; the arguments
-- of each limit; name and value of each field of the record.
local length = redis.call('HGET', KEYS[1], 'code_length')
if length then return { 'ok', 0, tonumber(length), 0 } end
local limits, has_breaker = tonumber(ARGV[2]), ARGV[3] == '1'
local breaker, blocks = KEYS[limits + 4], KEYS[limits + 5]
if has_breaker then
  local refusal = breaker_refusal(breaker, blocks, ARGV[4])
  if refusal then return refusal end
end
local input, field, history, wait, passes_marks = ARGV[6], ARGV[7], nil, 0, false
length = 6
if input ~= '' then
  history = read_history(field)
  length, wait, passes_marks = history_start(history, input)
  if not length then
    -- It may be the first that passes the marks.
    if passes_marks then write_history(field, history) end
    return { 'phone_locked', tripped, wait, passes_marks and 1 or 0 }
  end
end
local taken = take_limits(4, limits, 10)
if taken[1] > 0 then return { 'limited', tripped, taken[1], taken[2] } end
if history then write_history(field, history) end
redis.call('HSET', KEYS[1], 'started_at', now, 'code_length', length,
  'code_mac', length == 6 and ARGV[8] or ARGV[9], unpack(ARGV, 10 + 3 * limits))
if has_breaker then
  local minute, probe = breaker_record_send(breaker, blocks, ARGV[4])
  redis.call('HSET', KEYS[1], 'sent_minute', minute, 'half_open_probe', probe)
end
redis.call('PEXPIRE', KEYS[1], tonumber(ARGV[5]) - now)
return { 'ok', tripped, length, passes_marks and 1 or 0 }
