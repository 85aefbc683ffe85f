-- Remembers a verification among those that one client requested for one number, the newest first.
-- KEYS: verification_repeats:{slot}:{client}.
-- ARGV: now, the verification's id.
-- Returns the ids before it.
local MAX_REPEATS = 8

local ids, at = redis.call('LRANGE', KEYS[1], 0, -1), 0
for i, id in ipairs(ids) do
  -- An earlier try of the same call.
  if id == ARGV[2] then at = i end
end
if at == 0 then
  redis.call('LPUSH', KEYS[1], ARGV[2])
  redis.call('LTRIM', KEYS[1], 0, MAX_REPEATS - 1)
  redis.call('PEXPIRE', KEYS[1], RECORD_TTL)
end
local earlier = {}
for i = at + 1, #ids do earlier[#earlier + 1] = ids[i] end
return { 'ok', 0, earlier }
