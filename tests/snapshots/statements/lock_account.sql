-- lock_account
-- $1 phone text
-- returns id uuid
SELECT id FROM auth.users_auth WHERE phone_number = $1 FOR NO KEY UPDATE
