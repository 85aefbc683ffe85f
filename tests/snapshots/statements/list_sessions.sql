-- list_sessions
-- $1 user uuid
-- $2 most int8
-- returns id uuid
-- returns device_id uuid
-- returns created_at timestamptz
-- returns rotated_at timestamptz
-- returns expires_at timestamptz
-- returns revoked_at timestamptz
-- returns revoked_for text
SELECT id, device_id, created_at, rotated_at, expires_at, revoked_at, revoked_for
           FROM auth.sessions WHERE user_id = $1
          ORDER BY created_at DESC, id DESC LIMIT $2
