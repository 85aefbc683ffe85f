-- lock_account
-- $1 phone text
-- $2 now timestamptz
-- returns id uuid
UPDATE auth.users_auth SET last_authenticated_at = $2
          WHERE phone_number = $1 RETURNING id
