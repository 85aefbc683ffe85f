-- read_restored_account
-- $1 user uuid
-- returns seq int8
-- returns head bytea
-- returns session_id uuid
-- returns device_id uuid
-- returns created_at timestamptz
SELECT (SELECT seq FROM auth.audit_heads WHERE user_id = $1) AS seq,
                (SELECT head FROM auth.audit_heads WHERE user_id = $1) AS head,
                s.id AS session_id, s.device_id, s.created_at
           FROM (SELECT 1) AS once
           LEFT JOIN auth.sessions s ON s.user_id = $1 AND s.revoked_at IS NULL
          ORDER BY s.id
