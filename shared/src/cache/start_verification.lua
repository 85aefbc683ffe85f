-- Makes a verification, if its limits and the country's breaker allow one more code.
-- KEYS[1]: verification:{id}. args.record: its fields. args.breaker: absent where it does
-- not apply.
if args.breaker then
  local paused = breaker_refusal(args.record.country, args.record.block)
  if paused then return answer(paused) end
end
local refusal = take_limits(args.limits)
if refusal then return refusal end
if args.breaker then
  args.record.sent_minute, args.record.trial = breaker_sent(args.record.country, args.record.block)
end
write(KEYS[1], args.record)
redis.call('PEXPIRE', KEYS[1], args.record.expires_at - now)
return answer({ status = 'ok', tripped = tripped })
