-- The sender failed: the verification goes (first code), or all is as before the resend,
-- unless a later code has come since.
-- KEYS[1]: verification:{id}. args: code_mac (of the code that failed).
local record = read(KEYS[1], { 'code_mac', 'sends', 'verified', 'earlier_mac',
  'earlier_expires_at', 'earlier_resend_at' })
if record.code_mac ~= args.code_mac or record.verified == '1' then
  return answer({ status = 'kept' })
end
if record.sends == '1' then
  redis.call('UNLINK', KEYS[1])
else
  write(KEYS[1], {
    code_mac = record.earlier_mac, code_expires_at = record.earlier_expires_at,
    resend_at = record.earlier_resend_at, sends = tonumber(record.sends) - 1,
  })
end
return answer({ status = 'withdrawn' })
