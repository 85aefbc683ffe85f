-- replace_last_resort
-- $1 user uuid
-- $2 device uuid
-- $3 session uuid
-- $4 now timestamptz
-- $5 identity bytea
-- $6 row uuid
-- $7 key_id int4
-- $8 key_hash bytea
-- $9 public_key bytea
-- $10 signature text
-- returns has_session bool
-- returns has_identity bool
-- returns clashes bool
-- returns stored int8
WITH session AS (
           SELECT FROM auth.sessions WHERE id = $3 AND revoked_at IS NULL),
         found AS (
           SELECT user_id, device_id, id AS identity_id FROM auth.identity_keys
            WHERE device_id = $2 AND user_id = $1 AND identity = $5
              AND EXISTS (SELECT FROM session)),
         clash AS (
           SELECT FROM found
            WHERE EXISTS (SELECT FROM auth.used_prekeys u
                     WHERE u.user_id = $1 AND u.kind = 2 AND u.key_hash = $8)
            OR EXISTS (SELECT FROM (SELECT substring(e.hashes FROM 16 * n.place + 1 FOR 16) AS key_hash
             FROM (SELECT substring(p.hashes FROM 1) AS hashes FROM auth.prekey_pages p
                    WHERE p.kind = 2 AND p.user_id = $1 OFFSET 0) e
            CROSS JOIN LATERAL generate_series(0, octet_length(e.hashes) / 16 - 1) AS n (place)) k WHERE k.key_hash = $8)
               OR EXISTS (SELECT FROM auth.prekey_pages p
                           WHERE p.user_id = $1 AND p.device_id = $2
                             AND p.kind = 2 AND EXISTS (
             SELECT FROM (SELECT substring(p.keys FROM 1) AS keys OFFSET 0) e
              CROSS JOIN LATERAL generate_series(p.next::int, p.count - 1) AS n (place)
              WHERE substring(e.keys FROM n.place * p.width + 1 FOR 4) = int4send($7)))),
         owner AS (SELECT * FROM found WHERE NOT EXISTS (SELECT FROM clash)),
         remembered AS (
           INSERT INTO auth.used_prekeys (user_id, kind, key_hash)
           SELECT user_id, 3, $8 FROM owner
           ON CONFLICT DO NOTHING),
         last_resort AS (
           INSERT INTO auth.kyber_last_resort_prekeys AS k (device_id, id, key_id, key_hash,
                  public_key, signature, created_at)
           SELECT device_id, $6, $7, $8, $9, $10, $4 FROM owner
           ON CONFLICT (device_id) DO UPDATE SET id = excluded.id,
             key_id = excluded.key_id, key_hash = excluded.key_hash,
             public_key = excluded.public_key, signature = excluded.signature,
             created_at = excluded.created_at WHERE k.created_at <= excluded.created_at)
         SELECT EXISTS (SELECT FROM session) AS has_session, EXISTS (SELECT FROM found) AS has_identity,
                EXISTS (SELECT FROM clash) AS clashes, 1::int8 AS stored
