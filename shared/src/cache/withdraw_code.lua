-- The sender failed: the verification goes (first code), or all is as before the resend,
-- unless a later code has come since. What it took of the budgets comes back.
-- KEYS[1]: verification:{id}. args: code_mac (of the code that failed), budgets (by tier:
-- name, interval, `of`: the record's field that each counts).
local record = read(KEYS[1], { 'code_mac', 'sends', 'verified', 'tier', 'country', 'block',
  'sent_minute', 'trial', 'earlier_mac', 'earlier_expires_at', 'earlier_resend_at' })
if record.code_mac ~= args.code_mac or record.verified == '1' then
  return answer({ status = 'kept' })
end
for _, budget in ipairs(args.budgets[record.tier]) do
  local key = 'rate_limit:' .. budget.name .. ':' .. (record[budget.of] or budget.of)
  local full_at = tonumber(redis.call('GET', key) or 0) - budget.interval
  if full_at > now then
    redis.call('SET', key, full_at, 'PX', full_at - now)
  else
    redis.call('UNLINK', key)
  end
end
breaker_count(record, 's', -1)
if record.sends == '1' then
  redis.call('UNLINK', KEYS[1])
else
  write(KEYS[1], {
    code_mac = record.earlier_mac, code_expires_at = record.earlier_expires_at,
    resend_at = record.earlier_resend_at, sends = tonumber(record.sends) - 1,
  })
end
return answer({ status = 'withdrawn' })
