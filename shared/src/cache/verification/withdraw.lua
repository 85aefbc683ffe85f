-- Withdraws a code that was not sent, unless a later code has replaced it. The first code
-- takes the verification with it. A resent code is replaced by the code before it. The
-- budgets get their tokens back.
-- KEYS[1]: verification:{id}. args: code_mac (of the code that failed), budgets (by tier:
-- limits with the field of the record that each counts).
local record = read(KEYS[1], { 'code_mac', 'sends', 'verified', 'tier', 'country', 'block',
  'sent_minute', 'half_open_probe', 'previous_code_mac', 'previous_code_expires_at',
  'previous_resend_at' })
if record.code_mac ~= args.code_mac or record.verified == '1' then
  return answer({ status = 'kept' })
end
for _, budget in ipairs(args.budgets[record.tier]) do
  local key = record_limit_key(budget, record)
  local full_at = tonumber(redis.call('GET', key) or 0) - budget.interval
  if full_at > now then
    redis.call('SET', key, full_at, 'PX', full_at - now)
  else
    redis.call('UNLINK', key)
  end
end
breaker_add(record, SENT, -1)
if record.sends == '1' then
  redis.call('UNLINK', KEYS[1])
else
  write(KEYS[1], {
    code_mac = record.previous_code_mac, code_expires_at = record.previous_code_expires_at,
    resend_at = record.previous_resend_at, sends = tonumber(record.sends) - 1,
  })
end
return answer({ status = 'withdrawn' })
