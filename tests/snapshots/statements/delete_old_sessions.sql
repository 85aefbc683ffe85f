-- delete_old_sessions
-- $1 expired_before timestamptz
-- returns deleted int8
-- returns is_last bool
WITH position AS (
           SELECT task, after FROM auth.maintenance_positions
            WHERE task = 'delete_old_sessions' FOR UPDATE SKIP LOCKED),
         seen AS MATERIALIZED (
           SELECT s.id, s.device_id, s.expires_at FROM position AS p CROSS JOIN LATERAL (
             SELECT id, device_id, expires_at FROM auth.sessions
              WHERE id > p.after ORDER BY id LIMIT 1000) AS s),
         device AS MATERIALIZED (
           SELECT id FROM auth.devices
            WHERE id = ANY (ARRAY(SELECT device_id FROM seen WHERE expires_at <= $1))
            FOR NO KEY UPDATE SKIP LOCKED),
         due AS MATERIALIZED (
           SELECT s.id, s.device_id, s.rotated_at FROM auth.sessions AS s
            WHERE s.id = ANY (ARRAY(SELECT id FROM seen WHERE expires_at <= $1))
              AND s.expires_at <= $1 AND s.device_id IN (SELECT id FROM device)
            FOR UPDATE OF s SKIP LOCKED),
         active AS (
           UPDATE auth.devices AS d SET last_active = newest.rotated_at
             FROM (SELECT device_id, max(rotated_at) AS rotated_at FROM due GROUP BY device_id) AS newest
            WHERE d.id = newest.device_id AND d.last_active < newest.rotated_at),
         deleted AS (
           DELETE FROM auth.sessions WHERE id = ANY (ARRAY(SELECT id FROM due)) RETURNING id),
         moved AS (
           UPDATE auth.maintenance_positions AS p
              SET after = CASE WHEN (SELECT count(*) FROM seen) = 1000
                    THEN (SELECT id FROM seen ORDER BY id DESC LIMIT 1)
                    ELSE '00000000-0000-0000-0000-000000000000' END
             FROM position WHERE p.task = position.task)
         SELECT (SELECT count(*) FROM deleted) AS deleted,
                (SELECT count(*) FROM seen) < 1000 AS is_last
