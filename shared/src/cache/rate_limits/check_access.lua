-- The access check: counts the caller's request, takes its quotas and reads the cached state
-- of its session. Without quotas and session, it only counts a request.
-- KEYS: the limits, the quotas, and session:{user}:{sid} for a caller with a session.
-- ARGV: now, how many limits, how many quotas; the arguments of each limit and quota.
-- Returns what take_limits returns; then the state of the session (nil if it is unknown) and
-- for each quota whether it had a token left.
local limits, quotas = tonumber(ARGV[2]), tonumber(ARGV[3])
local reply = take_limits(1, limits, 4)
if reply[1] > 0 then return reply end
local session = KEYS[limits + quotas + 1]
local state = session and redis.call('GET', session) or false
reply[#reply + 1] = state
-- The caller of an ended session takes no quotas.
if state == 'ended' then return reply end
for i = limits + 1, limits + quotas do
  local at = 4 + 3 * (i - 1)
  local interval, burst = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
  local full_at = math.max(tonumber(redis.call('GET', KEYS[i]) or 0), now) + interval
  local has_token = full_at - now <= burst * interval
  if has_token then set_full_at(KEYS[i], full_at) end
  reply[#reply + 1] = has_token and 1 or 0
end
return reply
