-- What one SMS takes: the breaker of its country, the budget of the country, and the budget of
-- all. Both budgets slide: BUCKETS of a period count the sends, and a bucket counts until all
-- of it is older than the period.

local BUCKETS = 60

local function bucket_width(period) return math.ceil(period / BUCKETS) end

-- Returns how many sends are in the window, and how long to wait until they are fewer than
-- `max` (0 if they are).
local function window_state(key, period, max)
  local width, total, buckets = bucket_width(period), 0, {}
  local flat = redis.call('HGETALL', key)
  for i = 1, #flat, 2 do
    local ends = (tonumber(flat[i]) + 1) * width + period
    if ends <= now then
      redis.call('HDEL', key, flat[i])
    else
      buckets[#buckets + 1] = { ends = ends, count = tonumber(flat[i + 1]) }
      total = total + tonumber(flat[i + 1])
    end
  end
  if total < max then return total, 0 end
  table.sort(buckets, function(a, b) return a.ends < b.ends end)
  local excess = total - max + 1
  for _, bucket in ipairs(buckets) do
    excess = excess - bucket.count
    if excess <= 0 then return total, bucket.ends - now end
  end
  return total, period
end

local function window_add(key, period)
  local width = bucket_width(period)
  redis.call('HINCRBY', key, math.floor(now / width), 1)
  redis.call('PEXPIRE', key, period + 2 * width)
end

local function window_give_back(key, period)
  local bucket = math.floor(now / bucket_width(period))
  if tonumber(redis.call('HGET', key, bucket) or 0) > 0 then
    redis.call('HINCRBY', key, bucket, -1)
  end
end

-- The keys of a country, which begin at KEYS[at].
local function country_keys(at)
  return { breaker = KEYS[at], sends = KEYS[at + 1], pauses = KEYS[at + 2],
    confirmed = KEYS[at + 3], trusted = KEYS[at + 4], pending = KEYS[at + 5],
    budget = KEYS[at + 6], allowance = KEYS[at + 7] }
end

-- The arguments of a country, which begin at ARGV[at].
local function country_request(at)
  return { prefix = ARGV[at], block = ARGV[at + 1], lot = tonumber(ARGV[at + 2]),
    pass = ARGV[at + 3], draw = tonumber(ARGV[at + 4]), period = tonumber(ARGV[at + 5]),
    max = tonumber(ARGV[at + 6]), interval = tonumber(ARGV[at + 7]),
    burst = tonumber(ARGV[at + 8]) }
end

-- What the country confirmed in this hour a week ago, at least MIN_SHARE: so many codes that are
-- not confirmed may it have within its own share of the budget of all. Networks that confirmed
-- codes of late have as much again, so that others do not use up their share.
local function country_share(country)
  local hour = math.floor(now / HOUR) - 7 * 24
  local stored = redis.call('HGET', country.confirmed, hour % CONFIRMED_HOURS)
  local of, count = string.match(stored or '', '^(%d+) (%d+)$')
  return math.max(MIN_SHARE, tonumber(of) == hour and tonumber(count) or 0)
end

-- Returns a refusal, or nil and how the country admits the send.
local function country_check(country, request)
  local admission, wait = breaker_admit(country, request)
  if admission == 'paused' then return { 'sms_paused', tripped, wait } end
  local total, full_wait = window_state(country.budget, request.period, request.max)
  if full_wait > 0 then return { 'sms_paused', tripped, full_wait } end
  local trusted = is_trusted(country, request.prefix)
  local pending = total - window_confirmed
  if trusted then pending = window_state(country.pending, WINDOW, math.huge) end
  local taken = { admission = admission, trusted = trusted,
    is_within_share = pending < country_share(country) }
  if admission == 'passed' and request.pass == 'known_device' then
    local full_at = tonumber(redis.call('GET', country.allowance) or 0)
    taken.allowance = math.max(full_at, now) + request.interval
    local excess = taken.allowance - now - request.interval * request.burst
    if excess > 0 then return { 'sms_paused', tripped, excess } end
  end
  return nil, taken
end

-- Takes what country_check allowed. Returns how the send is found again.
local function country_take(country, request, taken)
  window_add(country.budget, request.period)
  if taken.allowance then set_full_at(country.allowance, taken.allowance) end
  if taken.trusted then window_add(country.pending, WINDOW) end
  return breaker_sent(country, request, taken.admission) .. (taken.trusted and ' 1' or ' 0')
end

-- On a single node: both budgets and the breaker, whose keys begin at KEYS[key] and whose
-- arguments at ARGV[arg]. Returns a refusal, or nil and what sms_take takes.
local function sms_check(key, arg)
  local country, request = country_keys(key), country_request(arg)
  local refusal, taken = country_check(country, request)
  if refusal then return refusal end
  local all, period = KEYS[key + 8], tonumber(ARGV[arg + 9])
  local max = tonumber(ARGV[arg + (taken.is_within_share and 10 or 11)])
  local _, wait = window_state(all, period, max)
  if wait > 0 then return { 'sms_paused', tripped, wait } end
  return nil, { country = country, request = request, taken = taken, all = all, period = period }
end

-- Returns how the send is found again.
local function sms_take(sms)
  window_add(sms.all, sms.period)
  return country_take(sms.country, sms.request, sms.taken)
end
