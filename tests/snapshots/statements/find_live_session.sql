-- find_live_session
-- $1 session uuid
-- $2 user uuid
-- $3 now timestamptz
-- returns alive int4
SELECT 1 AS alive FROM auth.sessions
          WHERE id = $1 AND user_id = $2 AND revoked_at IS NULL AND expires_at > $3
