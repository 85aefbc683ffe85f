-- discard_restored_pages
-- $1 backup_at timestamptz
-- $2 timestamp int8
-- $3 now timestamptz
-- returns is_open bool
-- returns seen int8
-- returns discarded int8
WITH restore AS MATERIALIZED (
           SELECT backup_at, restored_at, devices_after FROM auth.restores
            WHERE backup_at = $1 AND NOT devices_done FOR UPDATE),
         seen AS MATERIALIZED (
           SELECT i.device_id, i.user_id, r.restored_at FROM restore r CROSS JOIN LATERAL (
             SELECT device_id, user_id FROM auth.identity_keys WHERE device_id > r.devices_after
              ORDER BY device_id LIMIT 500) i),
         page AS MATERIALIZED (
           SELECT p.*
             FROM (SELECT * FROM seen ORDER BY device_id) d
            CROSS JOIN LATERAL (
              SELECT p.user_id, p.device_id, p.kind FROM auth.prekey_pages p
               WHERE p.user_id = d.user_id AND p.device_id = d.device_id
                 AND p.arrived_at <= d.restored_at AND p.next < p.count
               ORDER BY p.kind FOR NO KEY UPDATE) p),
         spent AS (
           UPDATE auth.prekey_pages p SET next = p.count FROM page l
            WHERE p.user_id = l.user_id AND p.device_id = l.device_id AND p.kind = l.kind
           RETURNING p.kind),
         low_event AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT s.user_id, 'prekeys.low', jsonb_build_object('userId', s.user_id,
                  'deviceId', s.device_id, 'availablePreKeys', 0, 'availableKyberPreKeys', 0,
                  'timestamp', $2::int8), $3
             FROM seen s),
         moved AS (
           UPDATE auth.restores r
              SET devices_after = coalesce((SELECT device_id FROM seen ORDER BY device_id DESC LIMIT 1),
                                           r.devices_after),
                  devices_done = (SELECT count(*) FROM seen) < 500
             FROM restore b WHERE r.backup_at = b.backup_at)
         SELECT EXISTS (SELECT FROM restore) AS is_open, (SELECT count(*) FROM seen) AS seen,
                (SELECT count(*) FROM spent) AS discarded
