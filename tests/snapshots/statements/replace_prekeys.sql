-- replace_prekeys
-- $1 user uuid
-- $2 device uuid
-- $3 session uuid
-- $4 now timestamptz
-- $5 audit_entry text
-- $6 audit_personal jsonb
-- $7 ec_hashes _bytea
-- $8 ec_keys bytea
-- returns has_session bool
-- returns has_identity bool
-- returns clashes bool
-- returns stored int8
WITH session AS (
           SELECT FROM auth.sessions WHERE id = $3 AND revoked_at IS NULL),
         found AS (
           SELECT user_id, device_id, id AS identity_id FROM auth.identity_keys
            WHERE device_id = $2 AND user_id = $1
              AND EXISTS (SELECT FROM session)),
         clash AS (SELECT WHERE false),
         owner AS (SELECT * FROM found WHERE NOT EXISTS (SELECT FROM clash)),
         page AS MATERIALIZED (
           SELECT p.*
             FROM (SELECT * FROM owner ORDER BY device_id) d
            CROSS JOIN LATERAL (
              SELECT p.user_id, p.device_id, p.kind,
                     substring(p.hashes FROM 1 FOR 16 * p.next) AS hashes
                FROM auth.prekey_pages p
               WHERE p.user_id = d.user_id AND p.device_id = d.device_id AND p.kind = 1
               ORDER BY p.kind FOR UPDATE) p),
         used AS MATERIALIZED (
           SELECT p.user_id, p.kind, substring(p.hashes FROM 16 * n.place + 1 FOR 16) AS key_hash
             FROM page p
            CROSS JOIN LATERAL generate_series(0, octet_length(p.hashes) / 16 - 1) AS n (place)),
         remembered AS (
           INSERT INTO auth.used_prekeys (user_id, kind, key_hash)
           SELECT user_id, kind, key_hash FROM used
           ON CONFLICT DO NOTHING),
         ec_known AS MATERIALIZED (
               SELECT key_hash FROM used WHERE kind = 1
               UNION ALL
               SELECT u.key_hash FROM auth.used_prekeys u
                WHERE u.user_id = $1 AND u.kind IN (1) AND u.key_hash = ANY ($7)
               UNION ALL
               SELECT substring(e.hashes FROM 16 * n.place + 1 FOR 16) AS key_hash
             FROM (SELECT substring(p.hashes FROM 1) AS hashes FROM auth.prekey_pages p
                    WHERE p.kind = 1 AND p.user_id = $1 AND p.device_id <> $2 OFFSET 0) e
            CROSS JOIN LATERAL generate_series(0, octet_length(e.hashes) / 16 - 1) AS n (place)),
             ec_fresh AS MATERIALIZED (
               SELECT n.key_hash, n.place::int AS place
                 FROM unnest($7::bytea[]) WITH ORDINALITY AS n (key_hash, place)
                WHERE NOT EXISTS (SELECT FROM ec_known k WHERE k.key_hash = n.key_hash)),
             ec_stored AS (
               INSERT INTO auth.prekey_pages AS p
                      (user_id, device_id, kind, identity_id, next, count, width, arrived_at,
                       hashes, keys)
               SELECT o.user_id, o.device_id, 1, o.identity_id, 0, f.count, 38, $4,
                      f.hashes, f.keys
                 FROM owner o CROSS JOIN (
                   SELECT count(*) AS count,
                          coalesce(string_agg(key_hash, '' ORDER BY place), '') AS hashes,
                          CASE WHEN count(*) = cardinality($7::bytea[]) THEN $8
                          ELSE coalesce((
                            SELECT string_agg(substring($8 FROM (s.place - 1) * 38 + 1
                                                        FOR 38), '' ORDER BY s.place)
                              FROM ec_fresh s), '') END AS keys
                     FROM ec_fresh) f
                WHERE cardinality($7::bytea[]) > 0
               ON CONFLICT (user_id, device_id, kind) DO UPDATE SET
                 identity_id = excluded.identity_id, next = 0, count = excluded.count,
                 width = excluded.width, arrived_at = excluded.arrived_at,
                 hashes = excluded.hashes, keys = excluded.keys
               WHERE p.arrived_at <= excluded.arrived_at
               RETURNING p.user_id),
         new_cause AS (
           SELECT c.user_id FROM ec_stored AS c WHERE NOT EXISTS (
             SELECT FROM auth.security_events AS e
              WHERE e.user_id = c.user_id AND e.entry = $5
                AND e.seq > (SELECT h.seq - 20 FROM auth.audit_heads AS h
                              WHERE h.user_id = c.user_id))),
         audit_head AS (
           INSERT INTO auth.audit_heads AS h (user_id, seq, head)
           SELECT user_id, 1, sha256(decode(repeat('00', 32), 'hex') || int8send(1)
                    || convert_to($5, 'UTF8'))
             FROM new_cause
           ON CONFLICT (user_id) DO UPDATE
             SET seq = h.seq + 1,
                 head = sha256(h.head || int8send(h.seq + 1) || convert_to($5, 'UTF8'))
           RETURNING user_id, seq, head),
         security_event AS (
           INSERT INTO auth.security_events (user_id, seq, hash, entry, personal, created_at)
           SELECT user_id, seq, head, $5, $6, $4 FROM audit_head),
         audit_event AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'audit',
                  jsonb_build_object('seq', seq, 'hash', encode(head, 'hex'),
                                     'entry', $5, 'personal', $6), $4
             FROM audit_head)
         SELECT EXISTS (SELECT FROM session) AS has_session, EXISTS (SELECT FROM found) AS has_identity,
                EXISTS (SELECT FROM clash) AS clashes, (SELECT count(*) FROM ec_fresh) AS stored
