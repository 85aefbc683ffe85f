-- Starts a verification, if its limits and the breaker of its country allow one more code.
-- KEYS[1]: verification:{id}. args.record: its fields. args.breaker: absent if the breaker
-- does not apply.
if args.breaker then
  local refusal = breaker_refusal(args.record.country, args.record.block)
  if refusal then return answer(refusal) end
end
local refusal = take_limits(args.limits)
if refusal then return refusal end
if args.breaker then
  args.record.sent_minute, args.record.half_open_probe =
    breaker_record_send(args.record.country, args.record.block)
end
write(KEYS[1], args.record)
redis.call('PEXPIRE', KEYS[1], args.record.expires_at - now)
return answer({ status = 'ok', tripped = tripped })
