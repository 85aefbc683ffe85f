-- Takes a challenge for one new device. Whoever comes second finds it taken.
-- KEYS: qr_challenge:{id}. ARGV: now, call id, then fields and values.
local record = read(KEYS[1], { 'state', 'expires_at', 'scanned_by' })
if record.scanned_by == ARGV[2] then return { 'scanned' } end
if record.state ~= 'shown' or tonumber(record.expires_at) <= now then return { 'gone' } end
redis.call('HSET', KEYS[1], 'state', 'scanned', 'scanned_by', ARGV[2], unpack(ARGV, 3))
return { 'scanned' }
