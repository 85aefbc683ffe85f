-- The record of an account, and that of a session. Fields:
--   attempt:<call>:<code>  when a code was counted that was not right
--   wrong:<code>           (sessions) when the code was found to be wrong
--   locked_until, locks    the lock, and how many there were without a right code in between
-- KEYS: two_factor:{user}, and on bearer routes two_factor:{user}:<session>.
-- ARGV: now, call id, the digest of the code, and for settle.lua what became of it.
local code = ARGV[3]
local attempt = 'attempt:' .. ARGV[2] .. ':' .. code

local function number(key, field) return tonumber(redis.call('HGET', key, field) or 0) or 0 end

-- Counts the attempts of the window, and drops what is older.
local function count(key)
  local fields, n = redis.call('HGETALL', key), 0
  for i = 1, #fields, 2 do
    local at = tonumber(fields[i + 1])
    if string.sub(fields[i], 1, 8) == 'attempt:' then
      if at > now - ATTEMPT_WINDOW then n = n + 1 else redis.call('HDEL', key, fields[i]) end
    elseif string.sub(fields[i], 1, 6) == 'wrong:' and at <= now - SAME_CODE_PERIOD then
      redis.call('HDEL', key, fields[i])
    end
  end
  return n
end
