-- lock_unproven_account
-- $1 identity bytea
-- returns id uuid
SELECT u.id FROM auth.users_auth u
          WHERE u.id = (SELECT user_id FROM auth.identity_keys WHERE identity = $1 AND NOT proven)
            FOR NO KEY UPDATE
