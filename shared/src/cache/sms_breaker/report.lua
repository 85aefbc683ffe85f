-- In a cluster: reports a right code to the breaker of its country.
-- KEYS: the country's. ARGV: now, how the send is found again.
breaker_confirmed({ breaker = KEYS[1], sends = KEYS[2], confirmed = KEYS[4],
  trusted = KEYS[5], pending = KEYS[6] }, ARGV[2])
return { 'ok', 0 }
