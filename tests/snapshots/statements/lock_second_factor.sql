-- lock_second_factor
-- $1 user uuid
SELECT FROM auth.users_auth WHERE id = $1 AND two_factor_enabled FOR UPDATE
