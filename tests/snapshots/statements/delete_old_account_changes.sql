-- delete_old_account_changes
-- $1 before timestamptz
-- returns deleted int8
WITH due AS MATERIALIZED (
           SELECT call FROM auth.account_changes WHERE changed_at <= $1
            ORDER BY changed_at LIMIT 1000 FOR UPDATE SKIP LOCKED),
         deleted AS (
           DELETE FROM auth.account_changes WHERE call = ANY (ARRAY(SELECT call FROM due))
           RETURNING call)
         SELECT count(*) AS deleted FROM deleted
