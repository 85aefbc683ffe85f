-- lock_restored_account
-- $1 user uuid
-- returns id uuid
SELECT id FROM auth.users_auth WHERE id = $1 FOR UPDATE
