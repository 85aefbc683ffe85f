-- Notes that the outbox was looked at, and forgets the mark of before if nothing waits.
-- KEYS: the mark, the look. ARGV: now, the token of the mark or nothing, how long the look counts.
if ARGV[2] ~= '' and redis.call('GET', KEYS[1]) == ARGV[2] then
  redis.call('DEL', KEYS[1])
end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[3])
return {}
