-- Gives a running verification a new code; attempts and end stay as they are.
-- KEYS[1]: verification:{id}. args: device, code_macs (by purpose), code_ttl, max_attempts,
-- waits (ms, the last for every further resend), waiting (false: lifted), tiers (by name:
-- limits with `of`, the record's field that each counts), breaker.
local record = read(KEYS[1], { 'purpose', 'device', 'expires_at', 'attempts', 'verified', 'sends',
  'resend_at', 'tier', 'phone_key', 'phone', 'country', 'block', 'known', 'code_mac',
  'code_expires_at' })
local expires_at = tonumber(record.expires_at or 0)
-- Asked for without a device, a verification is bound to none.
local other_device = record.device ~= '' and record.device ~= args.device
local outcome
if expires_at <= now or other_device or record.verified == '1' then
  outcome = { status = 'invalid' }
elseif tonumber(record.attempts) >= args.max_attempts then
  outcome = { status = 'too_many_attempts', wait = expires_at - now }
elseif args.waiting and tonumber(record.resend_at) > now then
  outcome = { status = 'too_early', wait = tonumber(record.resend_at) - now }
elseif args.breaker and record.tier == 'phone' then
  outcome = breaker_refusal(record.country, record.block)
end

-- The number's limits join the address's where a code would be sent: all or none.
local limits = args.limits
if not outcome then
  for _, limit in ipairs(args.tiers[record.tier]) do
    limit.key = 'rate_limit:' .. limit.name .. ':' .. (record[limit.of] or limit.of)
    limits[#limits + 1] = limit
  end
end
local refusal = take_limits(limits)
if refusal then return refusal end
if outcome then return answer(outcome) end

local sends = tonumber(record.sends) + 1
local wait = args.waiting and args.waits[math.min(sends - 1, #args.waits)] or 0
local code_expires_at = math.min(now + args.code_ttl, expires_at)
local change = { code_expires_at = code_expires_at, sends = sends, resend_at = now + wait }
-- The code of a test number stays what it is.
if record.tier ~= 'test' then
  change.code_mac = args.code_macs[record.purpose]
  -- Should the sender fail, these come back (withdraw_code.lua).
  change.earlier_mac, change.earlier_expires_at = record.code_mac, record.code_expires_at
  change.earlier_resend_at = record.resend_at
end
if args.breaker and record.tier == 'phone' then
  change.sent_minute, change.trial = breaker_sent(record.country, record.block)
end
write(KEYS[1], change)
return answer({ status = 'resent', purpose = record.purpose, phone = record.phone,
  known = record.known == '1', tripped = tripped, tier = record.tier,
  code_expires_at = code_expires_at, resend_at = now + wait,
  attempts_left = args.max_attempts - tonumber(record.attempts) })
