-- delete_old_logins
-- $1 before timestamptz
-- returns deleted int8
WITH due AS MATERIALIZED (
           SELECT id FROM auth.login_history WHERE created_at <= $1
            ORDER BY created_at LIMIT 1000 FOR UPDATE SKIP LOCKED),
         deleted AS (
           DELETE FROM auth.login_history WHERE id = ANY (ARRAY(SELECT id FROM due))
           RETURNING id)
         SELECT count(*) AS deleted FROM deleted
