-- lock_sessions
-- $1 user uuid
SELECT FROM auth.sessions WHERE user_id = $1 AND revoked_at IS NULL
          ORDER BY id FOR UPDATE
