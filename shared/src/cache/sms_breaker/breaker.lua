-- The circuit breaker of SMS, one per country: SmsBreaker of domain/verification. If too few
-- codes are confirmed, it pauses the networks that requested them, or else the blocks of
-- numbers that got them, or else the country. A country that is not paused has no `until`.
--
-- country.breaker, rate_limit:breaker:{country}: s:{minute} and c:{minute}, the codes sent in
-- that minute and how many of them were confirmed; `sent`, how many sends there were; `until`,
-- `began`, `round`, `seed`, `probes`, `confirmed`, `last_probe` of the pause and its probes.
-- country.sends, rate_limit:breaker_sends:{country}: by number `minute prefix block confirmed`,
-- the newest MAX_SENDS.
-- country.pauses, rate_limit:breaker_pauses:{country}: until when p:{prefix} and b:{block} are
-- paused.
-- country.trusted, rate_limit:breaker_trusted:{country}: when prefixes last confirmed a code, the
-- newest MAX_TRUSTED. They pass pauses of the country, so that a few unconfirmed codes from
-- elsewhere do not silence it.

local MINUTE = 60 * 1000
local tripped = 0 -- 1 raises an alarm

local function is_old(minute) return now - minute * MINUTE > WINDOW end

-- Whether the receiver had time to enter the code.
local function is_matured(minute)
  return not is_old(minute) and now - minute * MINUTE >= MATURE_AFTER
end

local function is_below_ratio(sent, confirmed) return confirmed * MIN_CONFIRMED_RATIO < sent end

-- Codes of the window that are confirmed, matured or not.
local window_confirmed = 0

-- Whether too few of the window's codes are confirmed. Forgets what is older.
local function breaker_is_tripped(country)
  local sent, confirmed = 0, 0
  window_confirmed = 0
  local flat = redis.call('HGETALL', country.breaker)
  for i = 1, #flat, 2 do
    local kind, minute = string.match(flat[i], '^([sc]:)(%d+)$')
    minute = tonumber(minute)
    if kind == CONFIRMED and not is_old(minute) then
      window_confirmed = window_confirmed + tonumber(flat[i + 1])
    end
    if minute and is_old(minute) then
      redis.call('HDEL', country.breaker, flat[i])
    elseif minute and is_matured(minute) then
      if kind == SENT then
        sent = sent + tonumber(flat[i + 1])
      else
        confirmed = confirmed + tonumber(flat[i + 1])
      end
    end
  end
  return sent >= MIN_SENDS and is_below_ratio(sent, confirmed)
end

-- The sends of the window.
local function read_sends(country)
  local sends, flat = {}, redis.call('HGETALL', country.sends)
  for i = 1, #flat, 2 do
    local minute, prefix, block, confirmed = string.match(flat[i + 1], '^(%S+) (%S+) (%S+) (%d)$')
    minute = tonumber(minute)
    if is_old(minute) then
      redis.call('HDEL', country.sends, flat[i])
    else
      sends[flat[i]] = { minute = minute, prefix = prefix, block = block,
        confirmed = tonumber(confirmed) }
    end
  end
  return sends
end

-- The matured codes, sent and confirmed, by prefix or block.
local function matured_by(sends, source)
  local counts = {}
  for _, send in pairs(sends) do
    if is_matured(send.minute) then
      local count = counts[send[source]] or { sent = 0, confirmed = 0 }
      count.sent, count.confirmed = count.sent + 1, count.confirmed + send.confirmed
      counts[send[source]] = count
    end
  end
  return counts
end

-- Pauses the prefixes or blocks with too few confirmations. Their sends are forgotten, so that
-- they do not count against the rest.
local function pause_causes(country, sends, source, mark)
  for cause, count in pairs(matured_by(sends, source)) do
    if count.sent >= MIN_SOURCE_SENDS and is_below_ratio(count.sent, count.confirmed) then
      redis.call('HSET', country.pauses, mark .. cause, now + PAUSE)
      if source == 'prefix' then redis.call('ZREM', country.trusted, cause) end
      for number, send in pairs(sends) do
        if send[source] == cause then
          breaker_add(country.breaker, SENT .. send.minute, -1)
          if send.confirmed == 1 then
            breaker_add(country.breaker, CONFIRMED .. send.minute, -1)
          end
          redis.call('HDEL', country.sends, number)
          sends[number] = nil
        end
      end
    end
  end
end

local function pause_country(country, draw)
  redis.call('UNLINK', country.sends)
  for _, field in ipairs(redis.call('HKEYS', country.breaker)) do
    if string.match(field, '^[sc]:') then redis.call('HDEL', country.breaker, field) end
  end
  local round = tonumber(redis.call('HGET', country.breaker, 'round') or 0) + 1
  redis.call('HSET', country.breaker, 'until', now + PAUSE, 'began', now + PAUSE, 'round', round,
    'seed', draw, 'probes', '', 'confirmed', 0, 'last_probe', 0)
  redis.call('PEXPIRE', country.breaker, BREAKER_TTL)
end

local function breaker_trip(country, draw)
  tripped = 1
  local pauses = redis.call('HGETALL', country.pauses)
  for i = 1, #pauses, 2 do
    if tonumber(pauses[i + 1]) <= now then redis.call('HDEL', country.pauses, pauses[i]) end
  end
  local sends = read_sends(country)
  pause_causes(country, sends, 'prefix', 'p:')
  if breaker_is_tripped(country) then pause_causes(country, sends, 'block', 'b:') end
  if breaker_is_tripped(country) then
    -- What has confirmed before and does not now is trusted no more.
    for prefix, count in pairs(matured_by(sends, 'prefix')) do
      if count.sent >= MIN_DISTRUST_SENDS and is_below_ratio(count.sent, count.confirmed) then
        redis.call('ZREM', country.trusted, prefix)
      end
    end
    pause_country(country, draw)
  end
  redis.call('PEXPIRE', country.pauses, BREAKER_TTL)
end

local function end_pause(country)
  redis.call('HDEL', country.breaker, 'until', 'began', 'seed', 'probes', 'confirmed', 'last_probe')
end

-- How long after a pause a ticket may pass: a step for each binary digit that it has.
local function ticket_delay(ticket)
  local digits = 0
  while ticket > 0 do ticket, digits = math.floor(ticket / 2), digits + 1 end
  return digits * TICKET_STEP
end

-- Whether a prefix confirmed a code of late.
local function is_trusted(country, prefix)
  local at = redis.call('ZSCORE', country.trusted, prefix)
  return at and tonumber(at) + TRUST_TTL > now
end

-- Until when the country is closed for this request (nil: it is open), and whether the request
-- is a probe.
local function breaker_gate(country, request)
  local pause = read(country.breaker, { 'until', 'began', 'round', 'seed', 'probes', 'confirmed',
    'last_probe' })
  local paused_until = tonumber(pause['until'])
  if not paused_until then return nil, false end
  local function closed(at)
    if is_trusted(country, request.prefix) then return nil, false end
    return at, false
  end
  if paused_until > now then return closed(paused_until) end
  local probes, is_probed = 0, false
  for probe in string.gmatch(pause.probes, '%S+') do
    probes, is_probed = probes + 1, is_probed or probe == request.prefix
  end
  local began = tonumber(pause.began)
  local round_is_over = now >= began + ROUND
  local decides = round_is_over and math.max(probes, 1) or PROBES
  if tonumber(pause.confirmed) * MIN_CONFIRMED_RATIO >= decides then
    end_pause(country)
    return nil, false
  end
  if probes >= PROBES then
    local matured = tonumber(pause.last_probe) + MATURE_AFTER
    if matured > now then return closed(matured) end
    pause_country(country, request.draw)
    tripped = 1
    return closed(now + PAUSE)
  end
  if round_is_over then
    began, is_probed = now, false
    redis.call('HSET', country.breaker, 'began', now, 'round', tonumber(pause.round) + 1,
      'probes', '', 'confirmed', 0)
  end
  if is_probed then return closed(began + ROUND) end
  local ticket = (request.lot + tonumber(pause.seed)) % TICKETS
  local opens = paused_until + ticket_delay(ticket)
  if opens > now then return closed(opens) end
  return nil, true
end

-- Decides about a send. Returns `open`, `probe`, `passed` (in a pause), or `paused` and the
-- wait.
local function breaker_admit(country, request)
  if breaker_is_tripped(country) then breaker_trip(country, request.draw) end
  local closed_until, is_probe = breaker_gate(country, request)
  local sources = redis.call('HMGET', country.pauses, 'p:' .. request.prefix,
    'b:' .. request.block)
  local paused_until = closed_until or 0
  for _, at in ipairs({ tonumber(sources[1] or 0), tonumber(sources[2] or 0) }) do
    paused_until = math.max(paused_until, at)
  end
  if paused_until <= now then return is_probe and 'probe' or 'open' end
  if request.pass ~= 'none' then return 'passed' end
  return 'paused', paused_until - now
end

-- Counts a send that was admitted. Returns how it is found again.
local function breaker_sent(country, request, admission)
  local minute = math.floor(now / MINUTE)
  local number = redis.call('HINCRBY', country.breaker, 'sent', 1)
  redis.call('HINCRBY', country.breaker, SENT .. minute, 1)
  redis.call('HSET', country.sends, number,
    string.format('%d %s %s 0', minute, request.prefix, request.block))
  redis.call('HDEL', country.sends, number - MAX_SENDS)
  redis.call('PEXPIRE', country.breaker, BREAKER_TTL)
  redis.call('PEXPIRE', country.sends, BREAKER_TTL)
  local round = ''
  if admission == 'probe' then
    local probes = redis.call('HGET', country.breaker, 'probes') or ''
    redis.call('HSET', country.breaker, 'probes', probes .. ' ' .. request.prefix,
      'last_probe', now)
    round = redis.call('HGET', country.breaker, 'round')
  end
  return string.format('%d %d %s', number, minute, round)
end
