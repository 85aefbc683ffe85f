-- The circuit breaker of SMS, one per country. Fraud sends SMS whose codes nobody enters. If
-- too few codes are confirmed, the breaker first pauses the blocks of numbers that cause it,
-- or else the whole country. After the pause it lets a few half-open probes pass. The tier of
-- known devices is not subject to it.
--
-- `key`, rate_limit:breaker:{country}: s:{minute} and c:{minute}, the codes sent in that minute
-- and how many of them were confirmed; paused_until, half_open_probes_left,
-- half_open_probes_confirmed, half_open_probes_until.
-- `blocks`, rate_limit:breaker_blocks:{country}: s:{block}, c:{block} and p:{block} (paused
-- until), by the block's digest. Here expiry decides: the counts of blocks end one window after
-- the last SMS to the country.

local MINUTE = 60 * 1000
local BREAKER_TTL = 3 * 3600 * 1000
local tripped = 0 -- 1 raises an alarm

local function is_below_ratio(sends, confirmed)
  return confirmed * MIN_CONFIRMED_RATIO < sends
end

-- Returns the matured sends of the window and how many of them were confirmed. A send has
-- matured once its receiver had time to enter the code. Removes counts before the window.
local function matured_counts(key)
  local sends, confirmed = 0, 0
  local flat = redis.call('HGETALL', key)
  for i = 1, #flat, 2 do
    local kind, minute = string.match(flat[i], '^([sc]):(%d+)$')
    if minute then
      local age = now - tonumber(minute) * MINUTE
      if age > WINDOW then
        redis.call('HDEL', key, flat[i])
      elseif kind == SENT and age >= MATURE_AFTER then
        sends = sends + tonumber(flat[i + 1])
      elseif kind == CONFIRMED and age >= MATURE_AFTER then
        confirmed = confirmed + tonumber(flat[i + 1])
      end
    end
  end
  return sends, confirmed
end

local function delete_counts(key)
  for _, field in ipairs(redis.call('HKEYS', key)) do
    if string.match(field, '^[sc]:') then redis.call('HDEL', key, field) end
  end
end

-- Pauses the blocks with too few confirmations, if the country is above the ratio without
-- them. Returns whether it did.
local function pause_blocks(key, blocks, sends, confirmed)
  local counts, flat = {}, redis.call('HGETALL', blocks)
  for i = 1, #flat, 2 do
    local kind, block = string.match(flat[i], '^([sc]):(.+)$')
    if block then
      counts[block] = counts[block] or { [SENT] = 0, [CONFIRMED] = 0 }
      counts[block][kind] = tonumber(flat[i + 1])
    end
  end
  local causes = {}
  for block, count in pairs(counts) do
    local is_large = count[SENT] >= MIN_BLOCK_SENDS
    if is_large and is_below_ratio(count[SENT], count[CONFIRMED]) then
      causes[#causes + 1] = block
      sends, confirmed = sends - count[SENT], confirmed - count[CONFIRMED]
    end
  end
  local is_enough = sends < MIN_SENDS or not is_below_ratio(sends, confirmed)
  if #causes == 0 or not is_enough then return false end
  for _, block in ipairs(causes) do
    redis.call('HSET', blocks, 'p:' .. block, now + PAUSE)
    redis.call('HDEL', blocks, SENT .. ':' .. block, CONFIRMED .. ':' .. block)
  end
  -- The sends of the paused blocks must not count against the rest of the country.
  delete_counts(key)
  return true
end

local function pause_country(key, blocks)
  redis.call('HSET', key, 'paused_until', now + PAUSE, 'half_open_probes_left', HALF_OPEN_PROBES,
    'half_open_probes_confirmed', 0, 'half_open_probes_until', 0)
  delete_counts(key)
  delete_counts(blocks)
  redis.call('PEXPIRE', key, BREAKER_TTL)
end

-- Returns the refusal of one more send, or nil.
local function breaker_refusal(key, blocks, block)
  local state = read(key, { 'paused_until', 'half_open_probes_left',
    'half_open_probes_confirmed', 'half_open_probes_until' })
  local paused_until = tonumber(state.paused_until or 0)
  if paused_until > 0 and paused_until <= now then
    if not is_below_ratio(HALF_OPEN_PROBES, tonumber(state.half_open_probes_confirmed)) then
      redis.call('HDEL', key, 'paused_until', 'half_open_probes_left',
        'half_open_probes_confirmed', 'half_open_probes_until')
      paused_until = 0
    elseif tonumber(state.half_open_probes_left) > 0 then
      return nil
    elseif tonumber(state.half_open_probes_until) > now then
      paused_until = tonumber(state.half_open_probes_until)
    else
      pause_country(key, blocks)
      paused_until, tripped = now + PAUSE, 1
    end
  elseif paused_until == 0 then
    local sends, confirmed = matured_counts(key)
    if sends >= MIN_SENDS and is_below_ratio(sends, confirmed) then
      tripped = 1
      if not pause_blocks(key, blocks, sends, confirmed) then
        pause_country(key, blocks)
        paused_until = now + PAUSE
      end
    end
  end
  local block_paused_until = tonumber(redis.call('HGET', blocks, 'p:' .. block) or 0)
  local refused_until = math.max(paused_until, block_paused_until)
  if refused_until > now then
    return { 'sms_paused', tripped, refused_until - now }
  end
end

-- Counts a send. Returns the minute that counts it, and whether it is a half-open probe.
local function breaker_record_send(key, blocks, block)
  local minute = math.floor(now / MINUTE)
  redis.call('HINCRBY', key, SENT .. ':' .. minute, 1)
  redis.call('HINCRBY', blocks, SENT .. ':' .. block, 1)
  local is_probe = redis.call('HEXISTS', key, 'paused_until') == 1
  if is_probe and redis.call('HINCRBY', key, 'half_open_probes_left', -1) == 0 then
    redis.call('HSET', key, 'half_open_probes_until', now + MATURE_AFTER)
  end
  redis.call('PEXPIRE', key, BREAKER_TTL)
  redis.call('PEXPIRE', blocks, WINDOW)
  return minute, is_probe and 1 or 0
end
