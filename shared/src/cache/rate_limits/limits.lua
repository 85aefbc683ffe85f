-- Rate limits, for scripts that take them. A limit is a key and three arguments: interval
-- (ms), burst and cost. The key holds the time at which the bucket is full again (GCRA). It is
-- compared with `now`. Expiry only removes what is already over.

-- More than the clocks of two sandboxes differ: a bucket stays until it is full for both.
local CLOCK_MARGIN = 60000

local function set_full_at(key, full_at)
  redis.call('SET', key, full_at, 'PX', full_at - now + CLOCK_MARGIN)
end

-- Takes `count` limits, or none of them. Their keys begin at KEYS[first], their arguments at
-- ARGV[arg]. Returns the number of the limit that refuses (0 if none does), how long to wait,
-- and for each limit when its bucket is full.
local function take_limits(first, count, arg)
  local taken, full_before = { 0, 0 }, {}
  for i = 1, count do
    local at = arg + 3 * (i - 1)
    local interval = tonumber(ARGV[at])
    full_before[i] = math.max(tonumber(redis.call('GET', KEYS[first + i - 1]) or 0), now)
    taken[i + 2] = full_before[i] + interval * tonumber(ARGV[at + 2])
    local wait = taken[i + 2] - now - interval * tonumber(ARGV[at + 1])
    if wait > taken[2] then taken[1], taken[2] = i, wait end
  end
  for i = 1, count do
    if taken[1] > 0 then
      taken[i + 2] = full_before[i]
    else
      set_full_at(KEYS[first + i - 1], taken[i + 2])
    end
  end
  return taken
end
