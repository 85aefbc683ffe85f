-- Keeps what the sender gave for a code, as long as that is the code of the verification.
-- KEYS: verification:{slot}:{id}.
-- ARGV: now, the digest of the code, the receipt.
if redis.call('HGET', KEYS[1], 'code_mac') ~= ARGV[2] then return { 'replaced', 0 } end
redis.call('HSET', KEYS[1], 'receipt', ARGV[2] .. ' ' .. ARGV[3])
return { 'ok', 0 }
