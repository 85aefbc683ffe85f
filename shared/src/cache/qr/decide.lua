-- Approves or denies. Of several decisions the first counts, so that parallel guesses of the code are
-- one guess; a denial also withdraws an approval that nobody has used. A repeated call finds its own id.
-- KEYS: qr_challenge:{id} or qr_link:{id}.
-- ARGV: now, call id, 'approve' or 'deny', user, device; for 'approve' then fields and values.
local record = read(KEYS[1], { 'state', 'expires_at', 'user', 'device', 'decided_by', 'delivered' })
if record.decided_by == ARGV[2] then return { 'decided' } end
if not record.state or tonumber(record.expires_at) <= now or record.delivered then return { 'gone' } end
-- A link belongs to nobody before it is approved.
if record.user and (record.user ~= ARGV[4] or record.device ~= ARGV[5]) then return { 'gone' } end
if ARGV[3] == 'approve' then
  if record.state ~= 'scanned' then return { 'gone' } end
  redis.call('HSET', KEYS[1], 'state', 'approved', 'decided_by', ARGV[2], unpack(ARGV, 6))
elseif record.state == 'denied' then
  return { 'gone' }
else
  redis.call('HSET', KEYS[1], 'state', 'denied', 'decided_by', ARGV[2])
  redis.call('HDEL', KEYS[1], 'keys')
end
return { 'decided' }
