-- lock_account_for_change
-- $1 user uuid
SELECT FROM auth.users_auth WHERE id = $1 FOR UPDATE
