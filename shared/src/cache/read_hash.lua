-- Reads the named fields of a hash; absent ones are nil.
local function read(key, names)
  local values, record = redis.call('HMGET', key, unpack(names)), {}
  for i, name in ipairs(names) do record[name] = values[i] or nil end
  return record
end
