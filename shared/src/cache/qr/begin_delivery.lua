-- Reads what the session of an approved device is made of. The first poll says to which key the tokens
-- are bound, unless the scan said it. From then on the record lives as long as the same tokens may be
-- asked for again.
-- KEYS: qr_challenge:{id} or qr_link:{id}.
-- ARGV: now, the thumbprint of the key or an empty text, how long a delivery may be repeated.
local record = read(KEYS[1], { 'state', 'expires_at', 'jkt', 'delivering', 'keys' })
if record.state ~= 'approved' or tonumber(record.expires_at) <= now then return { 'gone' } end
if not record.jkt then
  record.jkt = ARGV[2]
  redis.call('HSET', KEYS[1], 'jkt', record.jkt)
end
if record.jkt == ARGV[2] and not record.delivering then
  local expires_at = math.max(tonumber(record.expires_at), now + ARGV[3])
  redis.call('HSET', KEYS[1], 'delivering', 1, 'expires_at', string.format('%.0f', expires_at))
  redis.call('PEXPIRE', KEYS[1], string.format('%.0f', expires_at - now))
end
return { 'approved', record.jkt, record.keys or '' }
