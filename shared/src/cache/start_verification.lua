-- Makes a verification, if its limits allow one more code.
-- KEYS[1]: verification:{id}. args.record: its fields.
local refusal = take_limits(args.limits)
if refusal then return refusal end
write(KEYS[1], args.record)
redis.call('PEXPIRE', KEYS[1], args.record.expires_at - now)
return answer({ status = 'ok' })
