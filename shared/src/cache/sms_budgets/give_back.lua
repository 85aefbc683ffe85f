-- Gives back what a code that was not sent has taken of budgets and breaker.
-- KEYS: the country's, if its part is given back; the budget of all, if that is.
-- ARGV: now; how the send is found again, and the period of the country's budget (empty: no
-- country); the period of the budget of all (empty: not that).
local at = 1
if ARGV[3] ~= '' then
  local country = country_keys(1)
  window_give_back(country.budget, tonumber(ARGV[3]))
  breaker_unsent(country, ARGV[2])
  at = 9
end
if ARGV[4] ~= '' then window_give_back(KEYS[at], tonumber(ARGV[4])) end
return { 'ok', 0 }
