-- The access check: counts the caller's request, takes its shares and reads the session's
-- hot copy.
-- KEYS[1]: session:{sid}; absent where nobody has to show a session.
local refusal = take_limits(args.limits)
if refusal then return refusal end
local status = KEYS[1] and redis.call('GET', KEYS[1]) or 'unknown'
-- An ended session gets nothing, and takes nothing from those that live.
return answer({ status = status, quotas = status ~= 'ended' and take_quotas() or nil })
