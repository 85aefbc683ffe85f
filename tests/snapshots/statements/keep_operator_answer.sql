-- keep_operator_answer
-- $1 request uuid
-- $2 ended int4
-- $3 effective_at timestamptz
-- $4 tombstones _uuid
UPDATE auth.operator_calls
            SET ended_sessions = $2, effective_at = $3, tombstones = $4
          WHERE request_id = $1
