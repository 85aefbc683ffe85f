-- lock_restored_account
-- $1 user uuid
-- returns id uuid
-- returns phone_number text
SELECT id, phone_number FROM auth.users_auth WHERE id = $1 FOR UPDATE
