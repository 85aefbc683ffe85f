-- Deletes a key that still holds this token.
-- KEYS: the key. ARGV: now, the token.
if redis.call('GET', KEYS[1]) == ARGV[2] then
  redis.call('DEL', KEYS[1])
end
return {}
