-- In a cluster: reports a right code to the breaker of its country.
-- KEYS: the breaker's keys. ARGV: now, block, the minute of the send, whether it was a
-- half-open probe.
breaker_add(KEYS[1], KEYS[2], ARGV[2], ARGV[3], ARGV[4], CONFIRMED, 1)
return { 'ok', 0 }
