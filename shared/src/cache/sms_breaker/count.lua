-- What happened to a send that the breaker counted, whose keys and fields breaker.lua
-- describes. `sent` is what country_take returned: number, minute, the round of probes, and
-- whether its network was trusted.

local SENT, CONFIRMED = 's:', 'c:'
local HOUR = 3600 * 1000
-- One field for each hour of a week, and some more.
local CONFIRMED_HOURS = 192

local function read_sent(sent) return string.match(sent, '^(%d+) (%d+) (%d*) (%d)$') end

local function read_send(sends, number)
  local text = redis.call('HGET', sends, number)
  if not text then return nil end
  return string.match(text, '^(%S+) (%S+) (%S+) (%d)$')
end

-- Whether the present round of probes is this one.
local function is_round(breaker, round)
  local present = redis.call('HMGET', breaker, 'until', 'round')
  return round ~= '' and present[1] and present[2] == round
end

-- Counts in a minute, unless that is forgotten.
local function breaker_add(breaker, field, by)
  if redis.call('HEXISTS', breaker, field) == 1 then redis.call('HINCRBY', breaker, field, by) end
end

-- A send of a trusted prefix waits for its confirmation no more. Its minute is a bucket of
-- sms.lua.
local function end_pending(country, minute, trusted)
  if trusted == '1' and tonumber(redis.call('HGET', country.pending, minute) or 0) > 0 then
    redis.call('HINCRBY', country.pending, minute, -1)
  end
end

-- Counts a right code. Of a send that is forgotten it counts nothing, and of each once.
local function breaker_confirmed(country, sent)
  local number, minute, round, trusted = read_sent(sent)
  if not number then return end
  local _, prefix, block, confirmed = read_send(country.sends, number)
  if confirmed ~= '0' then return end
  redis.call('HSET', country.sends, number,
    string.format('%s %s %s 1', minute, prefix, block))
  end_pending(country, minute, trusted)
  if redis.call('HEXISTS', country.breaker, SENT .. minute) == 1 then
    redis.call('HINCRBY', country.breaker, CONFIRMED .. minute, 1)
  end
  if is_round(country.breaker, round) then
    redis.call('HINCRBY', country.breaker, 'confirmed', 1)
  end
  redis.call('ZADD', country.trusted, now, prefix)
  redis.call('ZREMRANGEBYRANK', country.trusted, 0, -MAX_TRUSTED - 1)
  redis.call('PEXPIRE', country.trusted, TRUST_TTL)
  -- What the country confirms in an hour is its share of the budget of all a week later.
  local hour = math.floor(now / HOUR)
  local field, count = hour % CONFIRMED_HOURS, 0
  local stored = redis.call('HGET', country.confirmed, field)
  if stored then
    local of, sum = string.match(stored, '^(%d+) (%d+)$')
    if tonumber(of) == hour then count = tonumber(sum) end
  end
  redis.call('HSET', country.confirmed, field, string.format('%d %d', hour, count + 1))
  redis.call('PEXPIRE', country.confirmed, CONFIRMED_HOURS * HOUR)
end

-- Takes back a send whose code was never sent.
local function breaker_unsent(country, sent)
  local number, minute, round, trusted = read_sent(sent)
  if not number then return end
  local _, prefix, _, confirmed = read_send(country.sends, number)
  if not prefix then return end
  redis.call('HDEL', country.sends, number)
  end_pending(country, minute, trusted)
  breaker_add(country.breaker, SENT .. minute, -1)
  if confirmed == '1' then breaker_add(country.breaker, CONFIRMED .. minute, -1) end
  if is_round(country.breaker, round) then
    local probes = redis.call('HGET', country.breaker, 'probes') or ''
    local kept = {}
    for probe in string.gmatch(probes, '%S+') do
      if probe ~= prefix then kept[#kept + 1] = probe end
    end
    redis.call('HSET', country.breaker, 'probes', table.concat(kept, ' '))
  end
end
