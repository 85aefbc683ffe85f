-- The access check: counts the caller's request, takes its quotas and reads the cached state
-- of its session.
-- KEYS[1]: session:{sid}; absent for callers that need no session.
local refusal = take_limits(args.limits)
if refusal then return refusal end
local status = KEYS[1] and redis.call('GET', KEYS[1]) or 'unknown'
-- The caller of an ended session takes no quotas.
return answer({ status = status, quotas = status ~= 'ended' and take_quotas() or nil })
