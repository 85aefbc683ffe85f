-- The start of every script. A script takes one JSON object (ARGV[1]) with `now` (ms) and
-- `limits`, and returns a JSON object with `status`. Times that a record or a bucket holds
-- are compared with `now`; for these, expiry only removes what is already over.
-- Expiry decides for session cache entries (set with NX, expire after 60 s, never prolonged)
-- and where phone_lock.lua and breaker.lua say so.

local args = cjson.decode(ARGV[1])
local now = args.now
-- More than the clocks of two sandboxes differ: a bucket stays until it is full for both.
local CLOCK_MARGIN = 60000
local rate_limit_status -- of the limit that the caller may see; part of every reply

local function answer(reply)
  reply.rate_limit_status = rate_limit_status
  return cjson.encode(reply)
end

-- Takes all limits of the request, or none (GCRA: a key holds the time at which its bucket
-- is full again). Returns the reply of a refusal, or nil.
local function take_limits(limits)
  local refusal
  for _, limit in ipairs(limits) do
    limit.before = math.max(tonumber(redis.call('GET', limit.key) or 0), now)
    limit.after = limit.before + limit.interval * (limit.cost or 1)
    local wait = limit.after - now - limit.burst * limit.interval
    if wait > 0 and (not refusal or wait > refusal.wait) then
      refusal = { status = 'limited', limit = limit.name, wait = wait }
    end
  end
  for _, limit in ipairs(limits) do
    local full_at = refusal and limit.before or limit.after
    if not refusal then
      redis.call('SET', limit.key, full_at, 'PX', full_at - now + CLOCK_MARGIN)
    end
    if limit.shown then
      local missing = full_at - now
      rate_limit_status = { limit = limit.burst, reset = missing,
        remaining = math.max(math.floor(limit.burst - missing / limit.interval), 0) }
    end
  end
  return refusal and answer(refusal)
end

-- Takes one token of each quota (`args.quotas`) that has one left. Returns for each whether
-- it had one, or nil if there are no quotas.
local function take_quotas()
  local taken
  for i, quota in ipairs(args.quotas or {}) do
    local full_at = math.max(tonumber(redis.call('GET', quota.key) or 0), now) + quota.interval
    taken = taken or {}
    taken[i] = full_at - now <= quota.burst * quota.interval
    if taken[i] then redis.call('SET', quota.key, full_at, 'PX', full_at - now + CLOCK_MARGIN) end
  end
  return taken
end

-- The key of a limit that counts a field of a record; `limit.field` itself if the record has
-- no such field (`all`).
local function record_limit_key(limit, record)
  return 'rate_limit:' .. limit.name .. ':' .. (record[limit.field] or limit.field)
end

-- Reads the named fields of a hash; absent ones are nil.
local function read(key, names)
  local values, record = redis.call('HMGET', key, unpack(names)), {}
  for i, name in ipairs(names) do record[name] = values[i] or nil end
  return record
end

-- Writes the fields of a table into a hash.
local function write(key, record)
  local flat = {}
  for name, value in pairs(record) do
    flat[#flat + 1] = name
    flat[#flat + 1] = value
  end
  redis.call('HSET', key, unpack(flat))
end
