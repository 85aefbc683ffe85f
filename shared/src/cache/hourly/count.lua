-- Counts one event of a user in its hour.
-- KEYS: the hour. ARGV: now, user and kind, how long the hour is kept.
redis.call('HINCRBY', KEYS[1], ARGV[2], 1)
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return {}
