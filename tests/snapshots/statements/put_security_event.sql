-- put_security_event
-- $1 user uuid
-- $2 seq int8
-- $3 hash bytea
-- $4 entry text
-- $5 personal jsonb
-- $6 created_at timestamptz
-- returns kept bytea
WITH account AS MATERIALIZED (
           SELECT id FROM auth.users_auth WHERE id = $1 FOR KEY SHARE),
         put AS (
           INSERT INTO auth.security_events (user_id, seq, hash, entry, personal, created_at)
           SELECT $1, $2, $3, $4,
                  CASE WHEN EXISTS (SELECT FROM account) THEN $5::jsonb END, $6
           ON CONFLICT (user_id, seq) DO NOTHING RETURNING hash)
         SELECT coalesce((SELECT hash FROM put),
                         (SELECT hash FROM auth.security_events
                           WHERE user_id = $1 AND seq = $2)) AS kept
