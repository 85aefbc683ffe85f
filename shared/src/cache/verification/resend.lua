-- Replaces the code of a running verification. Attempts and end of the verification stay.
-- KEYS[1]: verification:{id}. args: device, code_macs (by purpose), code_ttl, max_attempts,
-- waits (ms; the last one for every further resend), has_waits (false: limits are off), tiers
-- (by name: limits with the field of the record that each counts), breaker.
local record = read(KEYS[1], { 'purpose', 'device', 'expires_at', 'attempts', 'verified', 'sends',
  'resend_at', 'tier', 'phone_key', 'phone', 'country', 'block', 'known', 'code_mac',
  'code_expires_at' })
local expires_at = tonumber(record.expires_at or 0)
-- A verification that was requested without a device is bound to no device.
local is_other_device = record.device ~= '' and record.device ~= args.device
local outcome
if expires_at <= now or is_other_device or record.verified == '1' then
  outcome = { status = 'invalid' }
elseif tonumber(record.attempts) >= args.max_attempts then
  outcome = { status = 'too_many_attempts', wait = expires_at - now }
elseif args.has_waits and tonumber(record.resend_at) > now then
  outcome = { status = 'too_early', wait = tonumber(record.resend_at) - now }
elseif args.breaker and record.tier == 'phone' then
  outcome = breaker_refusal(record.country, record.block)
end

-- If a code would be sent, the limits of the number join the limit of the address: either
-- all are taken or none.
local limits = args.limits
if not outcome then
  for _, limit in ipairs(args.tiers[record.tier]) do
    limit.key = record_limit_key(limit, record)
    limits[#limits + 1] = limit
  end
end
local refusal = take_limits(limits)
if refusal then return refusal end
if outcome then return answer(outcome) end

local sends = tonumber(record.sends) + 1
local wait = args.has_waits and args.waits[math.min(sends - 1, #args.waits)] or 0
local code_expires_at = math.min(now + args.code_ttl, expires_at)
local change = { code_expires_at = code_expires_at, sends = sends, resend_at = now + wait }
-- The code of a test number never changes.
if record.tier ~= 'test' then
  change.code_mac = args.code_macs[record.purpose]
  -- If the sender fails, withdraw.lua restores these.
  change.previous_code_mac = record.code_mac
  change.previous_code_expires_at = record.code_expires_at
  change.previous_resend_at = record.resend_at
end
if args.breaker and record.tier == 'phone' then
  change.sent_minute, change.half_open_probe = breaker_record_send(record.country, record.block)
end
write(KEYS[1], change)
return answer({ status = 'resent', purpose = record.purpose, phone = record.phone,
  known = record.known == '1', tripped = tripped, tier = record.tier,
  code_expires_at = code_expires_at, resend_at = now + wait,
  attempts_left = args.max_attempts - tonumber(record.attempts) })
