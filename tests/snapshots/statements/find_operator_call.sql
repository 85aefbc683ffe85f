-- find_operator_call
-- $1 request uuid
-- $2 digest bytea
-- returns is_same bool
-- returns ended_sessions int4
-- returns effective_at timestamptz
-- returns tombstones _uuid
SELECT digest = $2 AS is_same, ended_sessions, effective_at, tombstones
           FROM auth.operator_calls WHERE request_id = $1
