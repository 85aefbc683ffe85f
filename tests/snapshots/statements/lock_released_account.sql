-- lock_released_account
-- $1 before timestamptz
-- returns user_id uuid
SELECT r.user_id
           FROM auth.released_accounts r JOIN auth.users_auth u ON u.id = r.user_id
          WHERE r.released_at <= $1 AND u.phone_number IS NULL
          ORDER BY r.released_at LIMIT 1 FOR UPDATE SKIP LOCKED
