-- The breaker of a country: SMS that nobody enters are what fraud lives on. First the
-- blocks of numbers that cause it pause, then the whole country, then a few sends are
-- tried. The owners' tier passes.
-- args.breaker: window, min_sends, min_confirmed_ratio, mature_after, pause, half_open_probes,
-- min_block_sends (times in ms).
--
-- rate_limit:breaker:{country}: s:{minute} and c:{minute}, codes sent in that minute and
-- how many of them were confirmed; paused_until, half_open_probes_left, half_open_probes_confirmed,
-- half_open_probes_until. rate_limit:breaker_blocks:{country}: s:, c: and p: (paused until), each
-- with a block's digest.

local MINUTE = 60 * 1000
local tripped = false -- told with the answer: an alarm
local BREAKER_TTL = 3 * 3600 * 1000

local function breaker_keys(country)
  return 'rate_limit:breaker:' .. country, 'rate_limit:breaker_blocks:' .. country
end

local function bad(sends, confirmed)
  return confirmed * args.breaker.min_confirmed_ratio < sends
end

-- Sends and confirmations of the window that have had their time; older ones go.
local function matured_counts(key)
  local sends, confirmed = 0, 0
  local flat = redis.call('HGETALL', key)
  for i = 1, #flat, 2 do
    local kind, minute = string.match(flat[i], '^([sc]):(%d+)$')
    if minute then
      local age = now - tonumber(minute) * MINUTE
      if age > args.breaker.window then
        redis.call('HDEL', key, flat[i])
      elseif kind == 's' and age >= args.breaker.mature_after then
        sends = sends + tonumber(flat[i + 1])
      elseif kind == 'c' and age >= args.breaker.mature_after then
        confirmed = confirmed + tonumber(flat[i + 1])
      end
    end
  end
  return sends, confirmed
end

local function forget_counts(key)
  for _, field in ipairs(redis.call('HKEYS', key)) do
    if string.match(field, '^[sc]:') then redis.call('HDEL', key, field) end
  end
end

-- Pauses the blocks without which the country would be well. False if there are none.
local function pause_blocks(key, blocks, sends, confirmed)
  local counts, flat = {}, redis.call('HGETALL', blocks)
  for i = 1, #flat, 2 do
    local kind, block = string.match(flat[i], '^([sc]):(.+)$')
    if block then
      counts[block] = counts[block] or { s = 0, c = 0 }
      counts[block][kind] = tonumber(flat[i + 1])
    end
  end
  local causes = {}
  for block, count in pairs(counts) do
    if count.s >= args.breaker.min_block_sends and bad(count.s, count.c) then
      causes[#causes + 1] = block
      sends, confirmed = sends - count.s, confirmed - count.c
    end
  end
  local well_without = sends < args.breaker.min_sends or not bad(sends, confirmed)
  if #causes == 0 or not well_without then return false end
  for _, block in ipairs(causes) do
    redis.call('HSET', blocks, 'p:' .. block, now + args.breaker.pause)
    redis.call('HDEL', blocks, 's:' .. block, 'c:' .. block)
  end
  -- What they did is paid for: the others begin anew.
  forget_counts(key)
  return true
end

local function pause_country(key, blocks)
  write(key, { paused_until = now + args.breaker.pause, half_open_probes_left = args.breaker.half_open_probes,
    half_open_probes_confirmed = 0, half_open_probes_until = 0 })
  forget_counts(key)
  forget_counts(blocks)
  redis.call('PEXPIRE', key, BREAKER_TTL)
end

-- The refusal of one more send, or nothing.
local function breaker_refusal(country, block)
  local key, blocks = breaker_keys(country)
  local state = read(key, { 'paused_until', 'half_open_probes_left', 'half_open_probes_confirmed', 'half_open_probes_until' })
  local paused_until = tonumber(state.paused_until or 0)
  if paused_until > 0 and paused_until <= now then
    if tonumber(state.half_open_probes_confirmed) * args.breaker.min_confirmed_ratio >= args.breaker.half_open_probes then
      redis.call('HDEL', key, 'paused_until', 'half_open_probes_left', 'half_open_probes_confirmed', 'half_open_probes_until')
      paused_until = 0
    elseif tonumber(state.half_open_probes_left) > 0 then
      return nil
    elseif tonumber(state.half_open_probes_until) > now then
      paused_until = tonumber(state.half_open_probes_until)
    else
      pause_country(key, blocks)
      paused_until, tripped = now + args.breaker.pause, true
    end
  elseif paused_until == 0 then
    local sends, confirmed = matured_counts(key)
    if sends >= args.breaker.min_sends and bad(sends, confirmed) then
      tripped = true
      if not pause_blocks(key, blocks, sends, confirmed) then
        pause_country(key, blocks)
        paused_until = now + args.breaker.pause
      end
    end
  end
  local block_until = tonumber(redis.call('HGET', blocks, 'p:' .. block) or 0)
  local until_when = math.max(paused_until, block_until)
  if until_when > now then
    return { status = 'limited', limit = 'sms_paused', wait = until_when - now, tripped = tripped }
  end
end

-- Counts a send. Gives the minute it is counted under, and whether it is a trial.
local function breaker_sent(country, block)
  local key, blocks = breaker_keys(country)
  local minute = math.floor(now / MINUTE)
  redis.call('HINCRBY', key, 's:' .. minute, 1)
  redis.call('HINCRBY', blocks, 's:' .. block, 1)
  local trial = redis.call('HEXISTS', key, 'paused_until') == 1
  if trial and redis.call('HINCRBY', key, 'half_open_probes_left', -1) == 0 then
    redis.call('HSET', key, 'half_open_probes_until', now + args.breaker.mature_after)
  end
  redis.call('PEXPIRE', key, BREAKER_TTL)
  redis.call('PEXPIRE', blocks, args.breaker.window)
  return minute, trial and 1 or 0
end

-- Counts the confirmation of a send, or (by -1 on 's') a send that did not happen.
local function breaker_count(record, kind, by)
  if not record.sent_minute then return end
  local key, blocks = breaker_keys(record.country)
  if redis.call('HEXISTS', key, 's:' .. record.sent_minute) == 1 then
    redis.call('HINCRBY', key, kind .. ':' .. record.sent_minute, by)
  end
  if redis.call('HEXISTS', blocks, 's:' .. record.block) == 1 then
    redis.call('HINCRBY', blocks, kind .. ':' .. record.block, by)
  end
  if record.trial == '1' and redis.call('HEXISTS', key, 'paused_until') == 1 then
    if kind == 'c' then
      redis.call('HINCRBY', key, 'half_open_probes_confirmed', by)
    else
      redis.call('HINCRBY', key, 'half_open_probes_left', 1)
    end
  end
end
