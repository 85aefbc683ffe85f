-- lock_account_keys
-- $1 user uuid
SELECT FROM auth.users_auth WHERE id = $1 FOR NO KEY UPDATE
