-- Counts the request and reads a verification. One that has ended is missing.
-- KEYS[1]: verification:{id}.
local refusal = take_limits(args.limits)
if refusal then return refusal end
local record = read(KEYS[1], { 'purpose', 'device', 'phone', 'expires_at', 'code_expires_at',
  'resend_at', 'attempts', 'verified', 'requires_2fa' })
if tonumber(record.expires_at or 0) <= now then return answer({ status = 'missing' }) end
return answer({ status = 'ok', record = record })
