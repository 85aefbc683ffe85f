-- Lets running verifications accept the code of a later request of the same client, beside their
-- own: one each, that of the latest request.
-- KEYS: verification:{slot}:{id} of the later request, and of each earlier one.
-- ARGV: now, the pepper of the digests, the receipt of the code (empty: its sender gave none), the
-- digest of the code in each earlier verification.
local later = read(KEYS[1], { 'purpose', 'code_length', 'code_expires_at', 'started_at' })
-- It was withdrawn.
if not later.started_at then return { 'ok', 0 } end
for i = 2, #KEYS do
  local earlier = read(KEYS[i], { 'purpose', 'code_length', 'expires_at', 'verified', 'pepper',
    'later_started_at' })
  local is_running = tonumber(earlier.expires_at or 0) > now and earlier.verified ~= '1'
  local is_alike = earlier.purpose == later.purpose and earlier.pepper == ARGV[2]
    and earlier.code_length == later.code_length
  local is_newest = tonumber(earlier.later_started_at or 0) <= tonumber(later.started_at)
  if is_running and is_alike and is_newest then
    redis.call('HSET', KEYS[i], 'later_code_mac', ARGV[i + 2],
      'later_receipt', ARGV[i + 2] .. ' ' .. ARGV[3],
      'later_started_at', later.started_at, 'later_code_expires_at',
      math.min(tonumber(later.code_expires_at), tonumber(earlier.expires_at)))
  end
end
return { 'ok', 0 }
