-- Keeps the proof of possession of a link, which was verified before.
-- KEYS: qr_link:{id}. ARGV: now, the proof.
local record = read(KEYS[1], { 'state', 'expires_at' })
if record.state ~= 'scanned' or tonumber(record.expires_at) <= now then return { 'gone' } end
redis.call('HSETNX', KEYS[1], 'proof', ARGV[2])
return { 'proven' }
