-- The sender failed: the verification goes (first code), or the code before counts again
-- (resend), unless a later resend has come since.
-- KEYS[1]: verification:{id}. args: sends (of the code that failed).
local record = read(KEYS[1], { 'sends', 'verified', 'earlier_mac', 'earlier_expires_at' })
if tonumber(record.sends or 0) ~= args.sends or record.verified == '1' then
  return answer({ status = 'kept' })
end
if args.sends == 1 then
  redis.call('UNLINK', KEYS[1])
else
  write(KEYS[1], { code_mac = record.earlier_mac, code_expires_at = record.earlier_expires_at })
end
return answer({ status = 'withdrawn' })
