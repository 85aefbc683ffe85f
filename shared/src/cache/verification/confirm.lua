-- Compares a code. This script counts and compares in one step, so that parallel guesses
-- cannot exceed the maximum of attempts. For each code that was compared, the record keeps
-- call id, digest and answer: a repeated call gets the same answer and is not compared again.
-- KEYS: verification:{slot}:{id}, and the keys of phone_lock.lua.
-- ARGV: now, purpose, device, the code's digest, call id, whether Redis is a single node.
local purpose, device, code_mac, attempt = ARGV[2], ARGV[3], ARGV[4], 'attempt:' .. ARGV[5]
local record = read(KEYS[1], { 'purpose', 'device', 'expires_at', 'attempts', 'code_mac',
  'code_expires_at', 'verified', 'requires_2fa', 'tier', 'phone_key', 'phone', 'country', 'block',
  'sent_minute', 'half_open_probe', attempt })

local function confirmed()
  return { 'confirmed', 0, tonumber(record.requires_2fa), record.country, record.block,
    record.sent_minute or '', record.half_open_probe or '' }
end

local mac, left, locked = string.match(record[attempt] or '', '^(%S+) (%S+) (%S+)$')
if mac == code_mac then
  if left == 'right' then return confirmed() end
  return { 'incorrect', 0, tonumber(left), tonumber(locked), record.phone }
end

local expires_at = tonumber(record.expires_at or 0)
-- A verification that was requested without a device is bound to no device.
local is_other_device = record.device ~= '' and record.device ~= device
if expires_at <= now or record.purpose ~= purpose or is_other_device then
  return { 'invalid', 0 }
end
local attempts, verified = tonumber(record.attempts), record.verified == '1'
if attempts >= MAX_ATTEMPTS then return { 'too_many_attempts', 0, expires_at - now } end
local field = record.tier .. ':' .. record.phone_key
local streak, times = read_lock(field)
local wait = not verified and lock_wait(streak, times)
if wait then return { 'phone_locked', 0, wait } end
if not verified and tonumber(record.code_expires_at) <= now then return { 'expired', 0 } end
-- The comparison need not take constant time: these are keyed digests, and a prefix of one
-- is useless without the key.
if record.code_mac ~= code_mac then
  local is_locked = record_failure(field, streak, times) and 1 or 0
  left = MAX_ATTEMPTS - attempts - 1
  redis.call('HSET', KEYS[1], 'attempts', attempts + 1,
    attempt, code_mac .. ' ' .. left .. ' ' .. is_locked)
  return { 'incorrect', 0, left, is_locked, record.phone }
end
if verified then
  -- The breaker has got this already.
  record.sent_minute = nil
else
  redis.call('HSET', KEYS[1], 'verified', 1, 'expires_at', now + CONFIRMED_TTL,
    attempt, code_mac .. ' right 0')
  redis.call('PEXPIRE', KEYS[1], CONFIRMED_TTL)
  record_success(field, streak, times)
  -- The record names the country, so the caller cannot declare the breaker's keys. A single
  -- node needs no declaration. In a cluster the caller reports to the breaker afterwards.
  if ARGV[6] == '1' and record.sent_minute then
    breaker_add('rate_limit:breaker:{' .. record.country .. '}',
      'rate_limit:breaker_blocks:{' .. record.country .. '}', record.block,
      record.sent_minute, record.half_open_probe, CONFIRMED, 1)
  end
end
return confirmed()
