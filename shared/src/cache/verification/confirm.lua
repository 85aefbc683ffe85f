-- Compares a code. This script counts and compares in one step, so that parallel guesses
-- cannot exceed the maximum of attempts. For each code that was compared, the record keeps
-- call id, digest and answer: a repeated call gets the same answer and is not compared again.
-- KEYS: verification:{slot}:{id}, and the keys of code_history.lua.
-- ARGV: now, purpose, the length of the code, call id, whether Redis is a single node; for
-- digests.lua: the digests of device and code.
local purpose, code_length = ARGV[2], ARGV[3]
local attempt = 'attempt:' .. ARGV[4]
local record = read(KEYS[1], { 'pepper', 'purpose', 'device', 'expires_at', 'attempts', 'code_mac',
  'code_expires_at', 'verified', 'requires_2fa', 'tier', 'phone_key', 'country', 'sent',
  'code_length', 'started_at', 'later_code_mac', 'later_code_expires_at', 'receipt',
  'later_receipt', attempt })

-- What the sender gave for the code with this digest (keep_receipt.lua, accept_code.lua).
local function receipt_of(code_mac)
  for _, kept in ipairs({ record.receipt or '', record.later_receipt or '' }) do
    local mac, receipt = string.match(kept, '^(%S+) (%S+)$')
    if mac == code_mac then return receipt end
  end
  return ''
end

local function confirmed(receipt)
  return { 'confirmed', 0, tonumber(record.requires_2fa), record.country, record.sent or '', receipt }
end

-- Without a record there is no pepper.
local at = digests_under(record.pepper, 6, 2)
if not at then return { 'invalid', 0 } end
local device, code_mac = ARGV[at], ARGV[at + 1]

local mac, left = string.match(record[attempt] or '', '^(%S+) (%S+)')
if mac == code_mac then
  if left == 'right' then return confirmed(receipt_of(code_mac)) end
  return { 'incorrect', 0, tonumber(left) }
end

local expires_at = tonumber(record.expires_at or 0)
-- A verification that was requested without a device is bound to no device.
local is_other_device = record.device ~= '' and record.device ~= device
if expires_at <= now or record.purpose ~= purpose or is_other_device then
  return { 'invalid', 0 }
end
local attempts, verified = tonumber(record.attempts), record.verified == '1'
if attempts >= MAX_ATTEMPTS then return { 'too_many_attempts', 0 } end
-- A code of another length is none of this verification, and no guess either.
if (record.code_length or '6') ~= code_length then return { 'other_length', 0 } end
local is_running = verified or tonumber(record.code_expires_at) > now
-- The code of a later request of the same client (accept_code.lua).
local is_later_running = not verified and tonumber(record.later_code_expires_at or 0) > now
if not is_running and not is_later_running then return { 'expired', 0 } end
-- Nothing is ever guessed at a test number, whose code is fixed.
local field = record.tier ~= 'test' and record.tier .. ':' .. record.phone_key
local started_at = tonumber(record.started_at or 0)
-- The comparison need not take constant time: these are keyed digests, and a prefix of one
-- is useless without the key.
local is_right = is_running and record.code_mac == code_mac
  or is_later_running and record.later_code_mac == code_mac
if not is_right then
  left = MAX_ATTEMPTS - attempts - 1
  if field then history_wrong(field, started_at, left == 0 and not verified) end
  redis.call('HSET', KEYS[1], 'attempts', attempts + 1, attempt, code_mac .. ' ' .. left)
  return { 'incorrect', 0, left }
end
local receipt = receipt_of(code_mac)
if verified then
  -- Breaker and sender have got this already.
  record.sent, receipt = nil, ''
else
  -- From now on this code alone is the right one.
  redis.call('HSET', KEYS[1], 'verified', 1, 'code_mac', code_mac, 'expires_at', now + CONFIRMED_TTL,
    attempt, code_mac .. ' right')
  redis.call('PEXPIRE', KEYS[1], CONFIRMED_TTL)
  if field then history_right(field, started_at) end
  -- The record names the country, so the caller cannot declare the breaker's keys. A single
  -- node needs no declaration. In a cluster the caller reports to the breaker afterwards.
  if ARGV[5] == '1' and record.sent then
    local function key(name) return 'rate_limit:' .. name .. ':{' .. record.country .. '}' end
    breaker_confirmed({ breaker = key('breaker'), sends = key('breaker_sends'),
      confirmed = key('sms_confirmed'), trusted = key('breaker_trusted'),
      pending = key('sms_trusted_pending') }, record.sent)
  end
end
return confirmed(receipt)
