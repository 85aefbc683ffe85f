-- In a cluster: takes the budget of all SMS. It is taken at the same time as the country's, so
-- the caller compares what only the country knows.
-- KEYS[1]: the budget. ARGV: now, period, maximum, maximum for what is beyond the country's
-- share.
-- Returns the wait for a send beyond the share, 0 if there is room for it too.
local period = tonumber(ARGV[2])
local total, wait = window_state(KEYS[1], period, tonumber(ARGV[3]))
if wait > 0 then return { 'sms_paused', 0, wait } end
local _, wait_beyond = window_state(KEYS[1], period, tonumber(ARGV[4]))
window_add(KEYS[1], period)
return { 'ok', 0, wait_beyond }
