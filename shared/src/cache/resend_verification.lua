-- Gives a running verification a new code; attempts and end stay as they are.
-- KEYS[1]: verification:{id}. args: device, code_macs (by purpose), code_life, max_attempts,
-- waits (ms, the last for every further resend), number_limits (their key's middle in
-- `name`; the record tells lane and number), waiting (false: lifted).
local record = read(KEYS[1], { 'purpose', 'device', 'expires_at', 'attempts', 'verified', 'sends',
  'resend_at', 'lane', 'phone_key', 'phone', 'known', 'code_mac', 'code_expires_at' })
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
end

-- The number's limits join the address's where a code would be sent: all or none.
local limits = args.limits
if not outcome then
  for _, limit in ipairs(args.number_limits) do
    limit.key = 'rate_limit:' .. record.lane .. '_' .. limit.name .. ':' .. record.phone_key
    limits[#limits + 1] = limit
  end
end
local refusal = take_limits(limits)
if refusal then return refusal end
if outcome then return answer(outcome) end

local sends = tonumber(record.sends) + 1
local wait = args.waiting and args.waits[math.min(sends - 1, #args.waits)] or 0
local code_expires_at = math.min(now + args.code_life, expires_at)
write(KEYS[1], {
  code_mac = args.code_macs[record.purpose], code_expires_at = code_expires_at,
  sends = sends, resend_at = now + wait,
  -- Should the sender fail, these come back (withdraw_code.lua).
  earlier_mac = record.code_mac, earlier_expires_at = record.code_expires_at,
  earlier_resend_at = record.resend_at,
})
return answer({ status = 'resent', purpose = record.purpose, phone = record.phone,
  known = record.known == '1', code_expires_at = code_expires_at,
  resend_at = now + wait, attempts_left = args.max_attempts - tonumber(record.attempts) })
