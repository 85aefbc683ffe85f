-- Compares a code. This script counts and compares in one step, so that parallel guesses
-- cannot exceed the maximum of attempts.
-- KEYS[1]: verification:{id}. args: purpose, device, code_mac, max_attempts,
-- confirmed_ttl (ms), lock (phone_lock.lua).
local refusal = take_limits(args.limits)
if refusal then return refusal end

local record = read(KEYS[1], { 'purpose', 'device', 'expires_at', 'attempts', 'code_mac',
  'code_expires_at', 'verified', 'requires_2fa', 'tier', 'phone_key', 'phone', 'country', 'block',
  'sent_minute', 'half_open_probe' })
local expires_at = tonumber(record.expires_at or 0)
-- A verification that was requested without a device is bound to no device.
local is_other_device = record.device ~= '' and record.device ~= args.device
if expires_at <= now or record.purpose ~= args.purpose or is_other_device then
  return answer({ status = 'invalid' })
end
local attempts, verified = tonumber(record.attempts), record.verified == '1'
if attempts >= args.max_attempts then
  return answer({ status = 'too_many_attempts', wait = expires_at - now })
end
local wait = not verified and lock_wait(record)
if wait then return answer({ status = 'phone_locked', wait = wait }) end
if not verified and tonumber(record.code_expires_at) <= now then
  return answer({ status = 'expired' })
end
-- The comparison need not take constant time: these are keyed digests, and a prefix of one
-- is useless without the key.
if record.code_mac ~= args.code_mac then
  redis.call('HINCRBY', KEYS[1], 'attempts', 1)
  return answer({ status = 'incorrect', attempts_left = args.max_attempts - attempts - 1,
    locked = record_failure(record), phone = record.phone })
end
if not verified then
  write(KEYS[1], { verified = 1, expires_at = now + args.confirmed_ttl })
  redis.call('PEXPIRE', KEYS[1], args.confirmed_ttl)
  record_success(record)
  breaker_add(record, CONFIRMED, 1)
end
return answer({ status = 'confirmed', requires_2fa = record.requires_2fa == '1' })
