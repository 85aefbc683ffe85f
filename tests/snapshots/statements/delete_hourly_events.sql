-- delete_hourly_events
-- $1 before timestamptz
-- returns deleted int8
WITH due AS MATERIALIZED (
           SELECT event_id FROM auth.hourly_events WHERE entered_at <= $1
            ORDER BY entered_at LIMIT 1000 FOR UPDATE SKIP LOCKED),
         deleted AS (
           DELETE FROM auth.hourly_events WHERE event_id = ANY (ARRAY(SELECT event_id FROM due))
           RETURNING event_id)
         SELECT count(*) AS deleted FROM deleted
