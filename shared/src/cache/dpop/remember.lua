-- Remembers a proof of possession. A repeated call finds its own id.
-- KEYS: dpop:{jkt}:{jti}. ARGV: now, call id, how long it is remembered.
if redis.call('SET', KEYS[1], ARGV[2], 'NX', 'PX', ARGV[3]) then return { 'new', 0 } end
return { redis.call('GET', KEYS[1]) == ARGV[2] and 'new' or 'seen', 0 }
