-- Starts a verification, if its limits, the budgets and the breaker of its country allow one more
-- code, and decides how long its codes are.
-- A record with this id is from an earlier try of the same call.
-- KEYS: verification:{slot}:{id}; the keys of code_history.lua; the limits; on a single node the
-- keys of sms.lua.
-- ARGV: now, how many limits, whether budgets and breaker are asked, when the record ends, which
-- codes the client can enter (empty: the history does not decide, codes have 6 digits), the
-- number's field in the history, the digests of the codes of 6 and of 10 digits, how the breaker
-- finds the send (in a cluster, which has asked it before); the arguments of sms.lua and of each
-- limit; name and value of each field of the record.
local length = redis.call('HGET', KEYS[1], 'code_length')
if length then return { 'ok', 0, tonumber(length), 0 } end
local limits, sms = tonumber(ARGV[2]), nil
if ARGV[3] == '1' then
  local refusal
  refusal, sms = sms_check(limits + 4, 10)
  if refusal then return refusal end
end
local input, field, history, wait, passes_marks = ARGV[5], ARGV[6], nil, 0, false
length = 6
if input ~= '' then
  history = read_history(field)
  length, wait, passes_marks = history_start(history, field, input)
  if not length then
    -- It may be the first that passes the marks.
    if passes_marks then write_history(field, history) end
    return { 'phone_locked', tripped, wait, passes_marks and 1 or 0 }
  end
end
local first_limit = 10 + SMS_ARGS
local taken = take_limits(4, limits, first_limit)
if taken[1] > 0 then return { 'limited', tripped, taken[1], taken[2] } end
if history then write_history(field, history) end
redis.call('HSET', KEYS[1], 'started_at', now, 'code_length', length,
  'code_mac', length == 6 and ARGV[7] or ARGV[8], 'sent', sms and sms_take(sms) or ARGV[9],
  unpack(ARGV, first_limit + 3 * limits))
redis.call('PEXPIRE', KEYS[1], tonumber(ARGV[4]) - now)
return { 'ok', tripped, length, passes_marks and 1 or 0 }
