-- clean_up_keys
-- $1 dead_before timestamptz
-- $2 quiet_since timestamptz
-- $3 devices int8
-- returns devices int8
WITH dead AS MATERIALIZED (
           SELECT * FROM (
             SELECT s.device_id, i.user_id FROM auth.signed_prekeys s
               JOIN auth.identity_keys i ON i.device_id = s.device_id
               JOIN auth.users_auth u ON u.id = i.user_id
              WHERE s.expires_at <= $1 AND i.updated_at <= $2
                AND NOT EXISTS (SELECT FROM auth.prekey_pages p
                     WHERE p.user_id = i.user_id AND p.device_id = s.device_id
                       AND p.arrived_at > $2)
                AND NOT EXISTS (SELECT FROM auth.kyber_last_resort_prekeys l
                     WHERE l.device_id = s.device_id AND l.created_at > $2)
              ORDER BY s.expires_at LIMIT $3 FOR NO KEY UPDATE OF u, s SKIP LOCKED) d
            LIMIT 1000),
         page AS MATERIALIZED (
           SELECT p.*
             FROM (SELECT * FROM dead ORDER BY device_id) d
            CROSS JOIN LATERAL (
              SELECT p.user_id, p.device_id, p.kind,
                     substring(p.hashes FROM 1 FOR 16 * p.next) AS hashes
                FROM auth.prekey_pages p
               WHERE p.user_id = d.user_id AND p.device_id = d.device_id AND p.arrived_at <= $2
               ORDER BY p.kind FOR UPDATE) p),
         used AS MATERIALIZED (
           SELECT p.user_id, p.kind, substring(p.hashes FROM 16 * n.place + 1 FOR 16) AS key_hash
             FROM page p
            CROSS JOIN LATERAL generate_series(0, octet_length(p.hashes) / 16 - 1) AS n (place)),
         remembered AS (
           INSERT INTO auth.used_prekeys (user_id, kind, key_hash)
           SELECT user_id, kind, key_hash FROM used
           ON CONFLICT DO NOTHING),
         ended AS (
           DELETE FROM auth.prekey_pages p USING page l
            WHERE p.user_id = l.user_id AND p.device_id = l.device_id AND p.kind = l.kind
              AND true),
         signed AS (
           DELETE FROM auth.signed_prekeys WHERE device_id = ANY (ARRAY(SELECT device_id FROM dead)))
         SELECT count(*) AS devices FROM dead
