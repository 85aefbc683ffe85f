-- delete_delivered_events
-- $1 before timestamptz
-- returns deleted int8
WITH due AS MATERIALIZED (
           SELECT seq FROM auth.outbox WHERE delivered_at <= $1
            ORDER BY delivered_at LIMIT 1000 FOR UPDATE SKIP LOCKED),
         deleted AS (
           DELETE FROM auth.outbox WHERE seq = ANY (ARRAY(SELECT seq FROM due))
           RETURNING seq)
         SELECT count(*) AS deleted FROM deleted
