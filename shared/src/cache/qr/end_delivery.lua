-- The session is made: nothing of the record may be decided any more, and its keys are stored.
-- KEYS: qr_challenge:{id} or qr_link:{id}. ARGV: now.
if redis.call('EXISTS', KEYS[1]) == 1 then
  redis.call('HSET', KEYS[1], 'delivered', 1)
  redis.call('HDEL', KEYS[1], 'keys')
end
return { 'delivered' }
