-- delete_used_verifications
-- $1 before timestamptz
-- returns deleted int8
WITH due AS MATERIALIZED (
           SELECT verification_id FROM auth.used_verifications WHERE used_at <= $1
            ORDER BY used_at LIMIT 1000 FOR UPDATE SKIP LOCKED),
         deleted AS (
           DELETE FROM auth.used_verifications WHERE verification_id = ANY (ARRAY(SELECT verification_id FROM due))
           RETURNING verification_id)
         SELECT count(*) AS deleted FROM deleted
