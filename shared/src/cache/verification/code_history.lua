-- How many digits the codes of a new verification have: CodeHistory of domain/verification, for
-- each number and tier. Each tier has a history of its own, so that a stranger changes nothing
-- for the owner.
--
-- HISTORY, rate_limit:code_history:{slot}: by tier and digest of the number,
-- `unconfirmed past_marks|start start! ...|wrong wrong ...`: the starts of verifications with
-- six digits (`!`: no more of its codes are compared) and the times of wrong codes, the newest
-- first. A caller who knows only the slot can name this key.
-- HISTORY_END, rate_limit:code_history_end:{slot}: the same fields by the time at which nothing
-- of them counts any more, so that old ones can be removed.

local HOUR, DAY = 3600 * 1000, 24 * 3600 * 1000
local HISTORY, HISTORY_END = KEYS[2], KEYS[3]

-- Without what is over.
local function read_history(field)
  local text = redis.call('HGET', HISTORY, field) or ''
  local unconfirmed, past_marks, starts, wrong = string.match(text, '^(%d+) (%d)|([^|]*)|(.*)$')
  local history = { unconfirmed = tonumber(unconfirmed or 0), past_marks = past_marks == '1',
    starts = {}, wrong = {} }
  for at, ended in string.gmatch(starts or '', '(%d+)(!?)') do
    at = tonumber(at)
    if at + DAY > now then
      table.insert(history.starts, { at = at, running = ended == '' and at + RECORD_TTL > now })
    end
  end
  for at in string.gmatch(wrong or '', '%d+') do
    at = tonumber(at)
    if at + WRONG_WINDOW > now then table.insert(history.wrong, at) end
  end
  if #history.starts == 0 and #history.wrong == 0 then
    history.unconfirmed, history.past_marks = 0, false
  end
  return history
end

local function write_history(field, history)
  local starts, ends = {}, 0
  for i, start in ipairs(history.starts) do
    starts[i] = string.format(start.running and '%d' or '%d!', start.at)
  end
  if history.starts[1] then ends = history.starts[1].at + DAY end
  if history.wrong[1] then ends = math.max(ends, history.wrong[1] + WRONG_WINDOW) end
  redis.call('HSET', HISTORY, field, string.format('%d %d|%s|%s', history.unconfirmed,
    history.past_marks and 1 or 0, table.concat(starts, ' '), table.concat(history.wrong, ' ')))
  if redis.call('ZADD', HISTORY_END, ends, field) == 1 then
    -- For each number that is added, several that have ended are removed.
    local ended = redis.call('ZRANGEBYSCORE', HISTORY_END, '-inf', now, 'LIMIT', 0, 4)
    if #ended > 0 then
      redis.call('HDEL', HISTORY, unpack(ended))
      redis.call('ZREM', HISTORY_END, unpack(ended))
    end
  end
  redis.call('PEXPIRE', HISTORY, WRONG_WINDOW + DAY)
  redis.call('PEXPIRE', HISTORY_END, WRONG_WINDOW + DAY)
end

-- How long until `most` verifications of `period` are fewer.
local function wait_for(history, most, period)
  local start = history.starts[most]
  return start and math.max(start.at + period - now, 0) or 0
end

-- How long until the wrong codes, with those that running verifications may yet compare, leave
-- room for one more verification.
local function wait_for_wrong(history, field)
  local is_known_device = string.find(field, 'known_device:', 1, true) == 1
  local max_wrong = is_known_device and MAX_WRONG_OF_KNOWN_DEVICE or MAX_WRONG
  local running, oldest = 0, nil
  for _, start in ipairs(history.starts) do
    if start.running then running, oldest = running + 1, start.at end
  end
  if #history.wrong + MAX_ATTEMPTS * (running + 1) <= max_wrong then return 0 end
  local wrong = history.wrong[max_wrong - MAX_ATTEMPTS + 1]
  return (wrong and wrong + WRONG_WINDOW or oldest + RECORD_TTL) - now
end

-- How long until a verification may have codes of six digits.
local function six_digit_wait(history, field, input)
  if input == 'legacy' then
    local in_streak = history.unconfirmed >= LEGACY_STREAK
    return wait_for(history, in_streak and LEGACY_PER_DAY_IN_STREAK or LEGACY_PER_DAY, DAY)
  end
  return math.max(wait_for(history, SIX_PER_HOUR, HOUR), wait_for(history, SIX_PER_DAY, DAY),
    wait_for_wrong(history, field))
end

-- Returns the length (nil: it is refused), the wait for six digits, and whether this
-- verification is the first to pass the marks. The history is changed and not yet written.
local function history_start(history, field, input)
  local wait = six_digit_wait(history, field, input)
  local passes_marks = wait > 0 and not history.past_marks
  history.past_marks = wait > 0
  if wait > 0 then return input == 'any' and 10 or nil, wait, passes_marks end
  table.insert(history.starts, 1, { at = now, running = true })
  history.unconfirmed = history.unconfirmed + 1
  return 6, 0, false
end

local function running_at(history, at)
  for i, start in ipairs(history.starts) do
    if start.running and start.at == at then return i end
  end
end

local function history_end(history, at)
  local i = running_at(history, at)
  if i then history.starts[i].running = false end
end

-- Remembers a wrong code; `is_last` if no more codes of its verification are compared.
local function history_wrong(field, started_at, is_last)
  local history = read_history(field)
  table.insert(history.wrong, 1, now)
  history.wrong[MAX_WRONG + 1] = nil
  if is_last then history_end(history, started_at) end
  write_history(field, history)
end

-- Remembers a right code. Wrong ones stay.
local function history_right(field, started_at)
  local history = read_history(field)
  if #history.starts == 0 and #history.wrong == 0 then return end
  history.unconfirmed = 0
  history_end(history, started_at)
  write_history(field, history)
end

-- Forgets a verification whose code was never sent.
local function history_unsent(field, started_at)
  local history = read_history(field)
  local i = running_at(history, started_at)
  if not i then return end
  table.remove(history.starts, i)
  history.unconfirmed = math.max(history.unconfirmed - 1, 0)
  write_history(field, history)
end
