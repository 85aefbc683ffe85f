-- lock_account_for_delivery
-- $1 user uuid
-- $2 now timestamptz
UPDATE auth.users_auth SET last_authenticated_at = $2 WHERE id = $1
