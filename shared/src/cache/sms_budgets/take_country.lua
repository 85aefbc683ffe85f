-- In a cluster: asks the breaker of a country and takes its budget, before the script of the
-- number runs.
-- KEYS: the country's. ARGV: now; the country's arguments.
-- Returns how the send is found again, and whether it is within the country's share of the
-- budget of all.
local country, request = country_keys(1), country_request(2)
local refusal, taken = country_check(country, request)
if refusal then return refusal end
return { 'ok', tripped, country_take(country, request, taken), taken.is_within_share and 1 or 0 }
