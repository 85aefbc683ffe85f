-- Withdraws a code that was not sent, unless a later code has replaced it. The first code
-- takes the verification with it. A resent code is replaced by the code before it. Withdrawn
-- is a code once: a repeated call finds it no more.
-- KEYS: verification:{slot}:{id}, and the keys of code_history.lua.
-- ARGV: now, the digest of the code that failed.
local record = read(KEYS[1], { 'code_mac', 'sends', 'verified', 'sent', 'previous_sent',
  'previous_code_mac', 'previous_code_expires_at', 'previous_resend_at', 'tier', 'phone_key',
  'started_at', 'code_length' })
if record.code_mac ~= ARGV[2] or record.verified == '1' then return { 'kept', 0 } end
if record.sends == '1' then
  redis.call('UNLINK', KEYS[1])
  if record.code_length == '6' and record.tier ~= 'test' then
    history_unsent(record.tier .. ':' .. record.phone_key, tonumber(record.started_at))
  end
else
  redis.call('HSET', KEYS[1], 'code_mac', record.previous_code_mac,
    'code_expires_at', record.previous_code_expires_at,
    'resend_at', record.previous_resend_at, 'sends', tonumber(record.sends) - 1,
    'sent', record.previous_sent or '')
end
return { 'withdrawn', 0, record.sent or '' }
