-- find_account
-- $1 phone text
-- returns id uuid
-- returns two_factor_enabled bool
SELECT id, two_factor_enabled FROM auth.users_auth WHERE phone_number = $1
