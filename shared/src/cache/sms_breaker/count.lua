-- The counts of the breaker, whose keys and fields breaker.lua describes.

local SENT, CONFIRMED = 's', 'c'

-- Changes the count of a send: CONFIRMED by 1 for a right code, SENT by -1 for a code that was
-- not sent. `minute` and `probe` are from breaker_record_send.
local function breaker_add(key, blocks, block, minute, probe, kind, by)
  if redis.call('HEXISTS', key, SENT .. ':' .. minute) == 1 then
    redis.call('HINCRBY', key, kind .. ':' .. minute, by)
  end
  if redis.call('HEXISTS', blocks, SENT .. ':' .. block) == 1 then
    redis.call('HINCRBY', blocks, kind .. ':' .. block, by)
  end
  if probe == '1' and redis.call('HEXISTS', key, 'paused_until') == 1 then
    if kind == CONFIRMED then
      redis.call('HINCRBY', key, 'half_open_probes_confirmed', by)
    else
      redis.call('HINCRBY', key, 'half_open_probes_left', 1)
    end
  end
end
