-- Adds a registration to the stream, which keeps about so many entries.
-- KEYS: the stream. ARGV: now, user, number, time, entries, how long the stream is kept.
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[5], '*',
  'userId', ARGV[2], 'phoneNumber', ARGV[3], 'timestamp', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[6])
return {}
