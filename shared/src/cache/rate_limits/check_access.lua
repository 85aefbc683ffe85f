-- The access check: counts the caller's request, takes its quotas and reads the cached state
-- of its session. Without quotas and session, it only counts a request.
-- KEYS: the limits, the quotas; for a caller with a session, session:{user}:{sid}, and the
-- limit of that session if limits are on.
-- ARGV: now, how many limits, how many quotas, for how long to cache that the session is alive
-- (0: unless its row was read, that is unknown); the arguments of each limit, of each quota,
-- and of the limit of the session.
-- Returns the state of the session (nil if it is unknown); then what take_limits returns, and
-- for each quota whether it had a token left.
local limits, quotas, cache_for = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local session, own_limit = KEYS[limits + quotas + 1], limits + quotas + 2
local state = session and redis.call('GET', session) or false
if session and not state and cache_for > 0 then
  redis.call('SET', session, 'alive', 'PX', cache_for)
  state = 'alive'
end
-- The caller of an ended session takes nothing of its account. Whether an unknown one has
-- ended, only its row says.
if session and state ~= 'alive' then
  local taken = take_limits(own_limit, KEYS[own_limit] and 1 or 0, 5 + 3 * (limits + quotas))
  return { state, taken[1], taken[2] }
end
local reply = { state }
for i, value in ipairs(take_limits(1, limits, 5)) do reply[i + 1] = value end
if reply[2] > 0 then return reply end
for i = limits + 1, limits + quotas do
  local at = 5 + 3 * (i - 1)
  local interval, burst = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
  local full_at = math.max(tonumber(redis.call('GET', KEYS[i]) or 0), now) + interval
  local has_token = full_at - now <= burst * interval
  if has_token then set_full_at(KEYS[i], full_at) end
  reply[#reply + 1] = has_token and 1 or 0
end
return reply
