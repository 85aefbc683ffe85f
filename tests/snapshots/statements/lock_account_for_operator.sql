-- lock_account_for_operator
-- $1 user uuid
-- returns is_released bool
-- returns two_factor_enabled bool
SELECT u.phone_number IS NULL AS is_released, u.two_factor_enabled
           FROM auth.users_auth u WHERE u.id = $1 FOR UPDATE
