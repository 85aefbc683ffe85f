-- Reads counts of hours that are over. Nothing is deleted: that follows when they are entered.
-- KEYS: the hours. ARGV: now, how many to read about.
-- Returns for each count: which hour (from 1), user and kind, the count.
local most, found, size = tonumber(ARGV[2]), {}, 0
for hour, key in ipairs(KEYS) do
  local cursor = '0'
  repeat
    local page = redis.call('HSCAN', key, cursor, 'COUNT', 100)
    cursor = page[1]
    for i = 1, #page[2], 2 do
      found[#found + 1] = hour
      found[#found + 1] = page[2][i]
      found[#found + 1] = tonumber(page[2][i + 1])
      size = size + 1
    end
  until cursor == '0' or size >= most
  if size >= most then
    break
  end
end
return found
