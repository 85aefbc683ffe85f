-- publish_keys
-- $1 user uuid
-- $2 fingerprint text
-- $3 named_device uuid
-- $4 identity bytea
-- $5 identity_key text
-- $6 proven bool
-- $7 registration_id int4
-- $8 new_identity uuid
-- $9 now timestamptz
-- $10 signed_row uuid
-- $11 signed_id int4
-- $12 signed_key text
-- $13 signed_signature text
-- $14 signed_prekey_expires_at timestamptz
-- $15 dead_before timestamptz
-- $16 last_resort_row uuid
-- $17 last_resort_id int4
-- $18 last_resort_hash bytea
-- $19 last_resort_key bytea
-- $20 last_resort_signature text
-- $21 kyber_ids _int4
-- $22 audit_entry text
-- $23 audit_personal jsonb
-- $24 ec_hashes _bytea
-- $25 ec_keys bytea
-- $26 kyber_hashes _bytea
-- $27 kyber_keys bytea
-- returns clashes bool
WITH device AS (
           SELECT d.id AS device_id, d.user_id FROM auth.devices d
            WHERE d.user_id = $1 AND (d.device_fingerprint = $2
               OR d.id = $3 AND NOT EXISTS (
                 SELECT FROM auth.devices o
                  WHERE o.user_id = $1 AND o.device_fingerprint = $2))),
         before AS (
           SELECT i.device_id, i.identity, i.registration_id,
                  EXISTS (SELECT FROM auth.signed_prekeys s
                           WHERE s.device_id = i.device_id AND s.expires_at > $15) AS served
             FROM auth.identity_keys i JOIN device d ON d.device_id = i.device_id),
         mover AS ( -- another device of the same user
           SELECT i.user_id, i.device_id FROM auth.identity_keys i
             JOIN device d ON i.user_id = d.user_id AND i.device_id <> d.device_id
            WHERE i.identity = $4),
         concerned AS MATERIALIZED (
           SELECT user_id, device_id FROM device UNION ALL SELECT user_id, device_id FROM mover),
         page AS MATERIALIZED (
           SELECT p.*
             FROM (SELECT * FROM concerned ORDER BY device_id) d
            CROSS JOIN LATERAL (
              SELECT p.user_id, p.device_id, p.kind,
                     substring(p.hashes FROM 1 FOR 16 * p.next) AS hashes
                FROM auth.prekey_pages p
               WHERE p.user_id = d.user_id AND p.device_id = d.device_id AND true
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
              AND (l.device_id <> (SELECT device_id FROM device)
                   OR NOT EXISTS (SELECT FROM before b WHERE b.identity = $4)
                      AND cardinality(CASE l.kind WHEN 1 THEN $24::bytea[]
                                      ELSE $26::bytea[] END) = 0)),
         moved AS (
           DELETE FROM auth.identity_keys i USING mover m WHERE i.device_id = m.device_id
           RETURNING i.device_id),
         published AS (
           INSERT INTO auth.identity_keys AS i (device_id, id, user_id, public_key, identity,
                  proven, registration_id, created_at, updated_at)
           SELECT device_id, $8, user_id, $5, $4, $6,
                  $7, $9, $9
             FROM device
            WHERE (SELECT count(*) FROM moved) >= 0 -- removed from the other device first
           ON CONFLICT (device_id) DO UPDATE SET
             public_key = $5, identity = $4,
             proven = $6 OR i.proven AND i.identity = $4,
             registration_id = coalesce($7, i.registration_id),
             id = CASE WHEN i.identity = $4 THEN i.id ELSE $8 END,
             created_at = CASE WHEN i.identity = $4 THEN i.created_at ELSE $9 END,
             updated_at = $9
           RETURNING user_id, device_id, id),
         signed AS (
           INSERT INTO auth.signed_prekeys AS s (device_id, id, key_id, public_key, signature,
                  expires_at, created_at)
           SELECT device_id, $10, $11, $12, $13,
                  $14, $9
             FROM published
           ON CONFLICT (device_id) DO UPDATE SET id = excluded.id,
             key_id = excluded.key_id, public_key = excluded.public_key,
             signature = excluded.signature, expires_at = excluded.expires_at,
             created_at = excluded.created_at),
         last_resort AS (
           INSERT INTO auth.kyber_last_resort_prekeys AS k (device_id, id, key_id, key_hash,
                  public_key, signature, created_at)
           SELECT device_id, $16, $17, $18,
                  $19, $20, $9
             FROM published WHERE $17 IS NOT NULL
           ON CONFLICT (device_id) DO UPDATE SET id = excluded.id,
             key_id = excluded.key_id, key_hash = excluded.key_hash,
             public_key = excluded.public_key, signature = excluded.signature,
             created_at = excluded.created_at),
         remembered_last_resort AS (
           INSERT INTO auth.used_prekeys (user_id, kind, key_hash)
           SELECT user_id, 3, $18
             FROM published WHERE $17 IS NOT NULL
           ON CONFLICT DO NOTHING),
         unsigned AS ( -- of the earlier identity
           DELETE FROM auth.kyber_last_resort_prekeys k USING before b
            WHERE k.device_id = b.device_id AND b.identity <> $4
              AND $17 IS NULL),
         changed AS (
           SELECT p.user_id, b.identity <> $4 OR EXISTS (SELECT FROM moved) AS another
             FROM published p LEFT JOIN before b ON b.device_id = p.device_id
            WHERE b.device_id IS NULL OR b.identity <> $4
               OR $7 <> coalesce(b.registration_id, 0) OR NOT b.served
               OR EXISTS (SELECT FROM moved)),
         version AS (
           UPDATE auth.users_auth u SET device_list_version = device_list_version + 1
             FROM changed c WHERE u.id = c.user_id),
         cause AS (SELECT user_id FROM changed WHERE another),
         audit_head AS (
           INSERT INTO auth.audit_heads AS h (user_id, seq, head)
           SELECT user_id, 1, sha256(decode(repeat('00', 32), 'hex') || int8send(1)
                    || convert_to($22, 'UTF8'))
             FROM cause
           ON CONFLICT (user_id) DO UPDATE
             SET seq = h.seq + 1,
                 head = sha256(h.head || int8send(h.seq + 1) || convert_to($22, 'UTF8'))
           RETURNING user_id, seq, head),
         security_event AS (
           INSERT INTO auth.security_events (user_id, seq, hash, entry, personal, created_at)
           SELECT user_id, seq, head, $22, $23, $9 FROM audit_head),
         audit_event AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'audit',
                  jsonb_build_object('seq', seq, 'hash', encode(head, 'hex'),
                                     'entry', $22, 'personal', $23), $9
             FROM audit_head),
         owner AS (SELECT user_id, device_id, id AS identity_id FROM published),
         ec_known AS MATERIALIZED (
               SELECT key_hash FROM used WHERE kind = 1
               UNION ALL
               SELECT u.key_hash FROM auth.used_prekeys u
                WHERE u.user_id = $1 AND u.kind IN (1) AND u.key_hash = ANY ($24)
               UNION ALL
               SELECT substring(e.hashes FROM 16 * n.place + 1 FOR 16) AS key_hash
             FROM (SELECT substring(p.hashes FROM 1) AS hashes FROM auth.prekey_pages p
                    WHERE p.kind = 1 AND p.user_id = $1 AND NOT EXISTS (
                     SELECT FROM concerned c WHERE c.device_id = p.device_id) OFFSET 0) e
            CROSS JOIN LATERAL generate_series(0, octet_length(e.hashes) / 16 - 1) AS n (place)),
             ec_fresh AS MATERIALIZED (
               SELECT n.key_hash, n.place::int AS place
                 FROM unnest($24::bytea[]) WITH ORDINALITY AS n (key_hash, place)
                WHERE NOT EXISTS (SELECT FROM ec_known k WHERE k.key_hash = n.key_hash)),
             ec_stored AS (
               INSERT INTO auth.prekey_pages AS p
                      (user_id, device_id, kind, identity_id, next, count, width, arrived_at,
                       hashes, keys)
               SELECT o.user_id, o.device_id, 1, o.identity_id, 0, f.count, 38, $9,
                      f.hashes, f.keys
                 FROM owner o CROSS JOIN (
                   SELECT count(*) AS count,
                          coalesce(string_agg(key_hash, '' ORDER BY place), '') AS hashes,
                          CASE WHEN count(*) = cardinality($24::bytea[]) THEN $25
                          ELSE coalesce((
                            SELECT string_agg(substring($25 FROM (s.place - 1) * 38 + 1
                                                        FOR 38), '' ORDER BY s.place)
                              FROM ec_fresh s), '') END AS keys
                     FROM ec_fresh) f
                WHERE cardinality($24::bytea[]) > 0
               ON CONFLICT (user_id, device_id, kind) DO UPDATE SET
                 identity_id = excluded.identity_id, next = 0, count = excluded.count,
                 width = excluded.width, arrived_at = excluded.arrived_at,
                 hashes = excluded.hashes, keys = excluded.keys
               WHERE true
               RETURNING p.user_id),
         kyber_known AS MATERIALIZED (
               SELECT key_hash FROM used WHERE kind = 2
               UNION ALL
               SELECT u.key_hash FROM auth.used_prekeys u
                WHERE u.user_id = $1 AND u.kind IN (2, 3) AND u.key_hash = ANY ($26)
               UNION ALL
               SELECT substring(e.hashes FROM 16 * n.place + 1 FOR 16) AS key_hash
             FROM (SELECT substring(p.hashes FROM 1) AS hashes FROM auth.prekey_pages p
                    WHERE p.kind = 2 AND p.user_id = $1 AND NOT EXISTS (
                     SELECT FROM concerned c WHERE c.device_id = p.device_id) OFFSET 0) e
            CROSS JOIN LATERAL generate_series(0, octet_length(e.hashes) / 16 - 1) AS n (place)),
             kyber_fresh AS MATERIALIZED (
               SELECT n.key_hash, n.place::int AS place
                 FROM unnest($26::bytea[]) WITH ORDINALITY AS n (key_hash, place)
                WHERE NOT EXISTS (SELECT FROM kyber_known k WHERE k.key_hash = n.key_hash)),
             kyber_stored AS (
               INSERT INTO auth.prekey_pages AS p
                      (user_id, device_id, kind, identity_id, next, count, width, arrived_at,
                       hashes, keys)
               SELECT o.user_id, o.device_id, 2, o.identity_id, 0, f.count, 1638, $9,
                      f.hashes, f.keys
                 FROM owner o CROSS JOIN (
                   SELECT count(*) AS count,
                          coalesce(string_agg(key_hash, '' ORDER BY place), '') AS hashes,
                          CASE WHEN count(*) = cardinality($26::bytea[]) THEN $27
                          ELSE coalesce((
                            SELECT string_agg(substring($27 FROM (s.place - 1) * 1638 + 1
                                                        FOR 1638), '' ORDER BY s.place)
                              FROM kyber_fresh s), '') END AS keys
                     FROM kyber_fresh) f
                WHERE cardinality($26::bytea[]) > 0
               ON CONFLICT (user_id, device_id, kind) DO UPDATE SET
                 identity_id = excluded.identity_id, next = 0, count = excluded.count,
                 width = excluded.width, arrived_at = excluded.arrived_at,
                 hashes = excluded.hashes, keys = excluded.keys
               WHERE true
               RETURNING p.user_id),
         clashing AS ( -- the last resort that the device has now
           SELECT $17 AS key_id, $18 AS key_hash
            WHERE $17 IS NOT NULL
           UNION ALL
           SELECT l.key_id, l.key_hash
             FROM before b JOIN auth.kyber_last_resort_prekeys l ON l.device_id = b.device_id
            WHERE $17 IS NULL AND b.identity = $4)
         SELECT EXISTS (
           SELECT FROM clashing l
            WHERE l.key_id = ANY ($21) OR l.key_hash = ANY ($26)
               OR EXISTS (SELECT FROM used u WHERE u.kind = 2 AND u.key_hash = l.key_hash)
               OR EXISTS (SELECT FROM auth.used_prekeys u
                     WHERE u.user_id = $1 AND u.kind = 2 AND u.key_hash = l.key_hash)
            OR EXISTS (SELECT FROM (SELECT substring(e.hashes FROM 16 * n.place + 1 FOR 16) AS key_hash
             FROM (SELECT substring(p.hashes FROM 1) AS hashes FROM auth.prekey_pages p
                    WHERE p.kind = 2 AND p.user_id = $1 AND NOT EXISTS (
                     SELECT FROM concerned c WHERE c.device_id = p.device_id) OFFSET 0) e
            CROSS JOIN LATERAL generate_series(0, octet_length(e.hashes) / 16 - 1) AS n (place)) k WHERE k.key_hash = l.key_hash)
               OR EXISTS ( -- among those that stay
                 SELECT FROM before b JOIN auth.prekey_pages p
                     ON p.user_id = $1 AND p.device_id = b.device_id AND p.kind = 2
                  WHERE b.identity = $4 AND cardinality($26::bytea[]) = 0
                    AND (EXISTS (SELECT FROM (SELECT substring(e.hashes FROM 16 * n.place + 1 FOR 16) AS key_hash
             FROM (SELECT substring(p.hashes FROM 1) AS hashes FROM auth.prekey_pages p
                    WHERE p.kind = 2 AND p.user_id = $1 AND p.device_id = b.device_id OFFSET 0) e
            CROSS JOIN LATERAL generate_series(0, octet_length(e.hashes) / 16 - 1) AS n (place)) k WHERE k.key_hash = l.key_hash)
                         OR EXISTS (
             SELECT FROM (SELECT substring(p.keys FROM 1) AS keys OFFSET 0) e
              CROSS JOIN LATERAL generate_series(p.next::int, p.count - 1) AS n (place)
              WHERE substring(e.keys FROM n.place * p.width + 1 FOR 4) = int4send(l.key_id))))) AS clashes
