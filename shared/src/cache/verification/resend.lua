-- Replaces the code of a running verification. Attempts and end of the verification stay.
-- The record keeps the ids of the calls that replaced its code: a repeated call gets the same
-- answer and replaces nothing.
-- KEYS: verification:{slot}:{id}; the limits; on a single node the keys of sms.lua.
-- ARGV: now, how many limits (-1: only look at the record), whether budgets and breaker are
-- asked, call id, whether resends wait, how the breaker finds the send (in a cluster, which has
-- asked it before); the arguments of sms.lua and of each limit; for digests.lua: the digests of
-- the device, and of codes of 6 and then of 10 digits for each purpose, in the order of PLACES.
local MAX_CALLS = 16
local PLACES = { register = 1, login = 2, change_phone = 3 }

local record = read(KEYS[1], { 'pepper', 'purpose', 'device', 'expires_at', 'attempts', 'verified', 'sends',
  'resend_at', 'tier', 'phone_key', 'phone', 'country', 'block', 'known', 'code_mac',
  'code_expires_at', 'resend_calls', 'code_length', 'sent' })
local limits, call, sms = tonumber(ARGV[2]), ARGV[4], nil
local has_waits = ARGV[5] == '1'
local first_limit = 7 + SMS_ARGS
-- Without a record there is no pepper.
local at = digests_under(record.pepper, first_limit + 3 * math.max(limits, 0), 7)
if not at then return { 'invalid', 0 } end

local function resent(code_expires_at, resend_at)
  return { 'resent', tripped, record.purpose, record.pepper, record.phone, record.known,
    record.tier, record.country, record.block, code_expires_at, resend_at,
    MAX_ATTEMPTS - tonumber(record.attempts), tonumber(record.code_length or 6) }
end

local calls = record.resend_calls or ''
if string.find(calls, call, 1, true) then
  return resent(tonumber(record.code_expires_at), tonumber(record.resend_at))
end

local expires_at = tonumber(record.expires_at or 0)
-- A verification that was requested without a device is bound to no device.
local is_other_device = record.device ~= '' and record.device ~= ARGV[at]
if expires_at <= now or is_other_device or record.verified == '1' then
  return { 'invalid', 0 }
elseif tonumber(record.attempts) >= MAX_ATTEMPTS then
  return { 'too_many_attempts', 0 }
elseif has_waits and tonumber(record.resend_at) > now then
  return { 'too_early', 0, tonumber(record.resend_at) - now }
elseif limits < 0 then
  return { 'ready', 0, record.tier, record.phone_key, record.country, record.block }
end

if ARGV[3] == '1' then
  local refusal
  refusal, sms = sms_check(limits + 2, 7)
  if refusal then return refusal end
end
local taken = take_limits(2, limits, first_limit)
if taken[1] > 0 then return { 'limited', tripped, taken[1], taken[2] } end

local sends = tonumber(record.sends) + 1
local wait = has_waits and RESEND_WAITS[math.min(sends - 1, #RESEND_WAITS)] or 0
local code_expires_at = math.min(now + CODE_TTL, expires_at)
redis.call('HSET', KEYS[1], 'code_expires_at', code_expires_at, 'sends', sends,
  'resend_at', now + wait,
  'resend_calls', string.sub(call .. ' ' .. calls, 1, MAX_CALLS * (#call + 1)))
-- The code of a test number never changes.
if record.tier ~= 'test' then
  -- If the sender fails, withdraw.lua restores what was before.
  local mac = (record.code_length == '10' and 3 or 0) + PLACES[record.purpose]
  redis.call('HSET', KEYS[1], 'code_mac', ARGV[at + mac],
    'previous_code_mac', record.code_mac,
    'previous_code_expires_at', record.code_expires_at,
    'previous_resend_at', record.resend_at)
end
redis.call('HSET', KEYS[1], 'sent', sms and sms_take(sms) or ARGV[6],
  'previous_sent', record.sent or '')
return resent(code_expires_at, now + wait)
