-- delete_operator_calls
-- $1 before timestamptz
-- returns deleted int8
WITH due AS MATERIALIZED (
           SELECT request_id FROM auth.operator_calls WHERE called_at <= $1
            ORDER BY called_at LIMIT 1000 FOR UPDATE SKIP LOCKED),
         deleted AS (
           DELETE FROM auth.operator_calls WHERE request_id = ANY (ARRAY(SELECT request_id FROM due))
           RETURNING request_id)
         SELECT count(*) AS deleted FROM deleted
