-- Put in front of every script. A script takes one JSON object (ARGV[1]) with `now` (ms)
-- and `limits`, and gives one back with `status`. Every decision compares stored times
-- with the given now; a TTL only collects the garbage.

local args = cjson.decode(ARGV[1])
local now = args.now
-- Longer than clocks differ: a bucket is not forgotten while some sandbox still counts it.
local margin = 60000
local rate_limit_status -- of the limit that counts the caller itself; told with every answer

local function answer(reply)
  reply.rate_limit_status = rate_limit_status
  return cjson.encode(reply)
end

-- All limits of the request, or none (GCRA: a key holds the time at which its bucket is
-- full again). Gives the refusal to answer with, or nothing.
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
      redis.call('SET', limit.key, full_at, 'PX', full_at - now + margin)
    end
    if limit.own then
      local missing = full_at - now
      rate_limit_status = { limit = limit.burst, reset = missing,
                   remaining = math.max(math.floor(limit.burst - missing / limit.interval), 0) }
    end
  end
  return refusal and answer(refusal)
end

-- What the request would have a quota of (`args.quotas`): each is taken by itself where its
-- bucket has one left. Gives a list of yes and no, or nothing if nothing was asked for.
local function take_quotas()
  local taken
  for i, quota in ipairs(args.quotas or {}) do
    local full_at = math.max(tonumber(redis.call('GET', quota.key) or 0), now) + quota.interval
    taken = taken or {}
    taken[i] = full_at - now <= quota.burst * quota.interval
    if taken[i] then redis.call('SET', quota.key, full_at, 'PX', full_at - now + margin) end
  end
  return taken
end

-- The named fields of a hash, absent ones nil.
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
