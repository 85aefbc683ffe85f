-- read_chain
-- $1 user uuid
-- $2 after int8
-- returns has_account bool
-- returns head_seq int8
-- returns head bytea
-- returns seq int8
-- returns hash bytea
-- returns entry text
-- returns personal jsonb
SELECT EXISTS (SELECT FROM auth.users_auth WHERE id = $1) AS has_account,
                (SELECT seq FROM auth.audit_heads WHERE user_id = $1) AS head_seq,
                (SELECT head FROM auth.audit_heads WHERE user_id = $1) AS head,
                e.seq, e.hash, e.entry, e.personal
           FROM (SELECT 1) AS once
           LEFT JOIN (SELECT seq, hash, entry, personal FROM auth.security_events
                       WHERE user_id = $1 AND seq > $2 ORDER BY seq LIMIT 1000) AS e
             ON true
          ORDER BY e.seq
