-- The access check: counts the account's request and reads the session's hot copy.
-- KEYS[1]: session:{sid}.
local refusal = take_limits(args.limits)
if refusal then return refusal end
return answer({ status = redis.call('GET', KEYS[1]) or 'unknown' })
