-- Starts a QR log-in. The id is new: only an earlier try of this call can have written it.
-- KEYS: qr_challenge:{id} or qr_link:{id}. ARGV: now, its time to live, then fields and values.
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('HSET', KEYS[1], unpack(ARGV, 3))
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return { 'started' }
