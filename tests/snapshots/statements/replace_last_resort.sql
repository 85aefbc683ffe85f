-- replace_last_resort
-- $1 user uuid
-- $2 device uuid
-- $3 session uuid
-- $4 now timestamptz
-- $5 audit_entry text
-- $6 audit_personal jsonb
-- $7 identity bytea
-- $8 row uuid
-- $9 key_id int4
-- $10 key_hash bytea
-- $11 public_key bytea
-- $12 signature text
-- returns has_session bool
-- returns has_identity bool
-- returns clashes bool
-- returns stored int8
WITH session AS (
           SELECT FROM auth.sessions WHERE id = $3 AND revoked_at IS NULL),
         found AS (
           SELECT user_id, device_id, id AS identity_id FROM auth.identity_keys
            WHERE device_id = $2 AND user_id = $1 AND identity = $7
              AND EXISTS (SELECT FROM session)),
         clash AS (
           SELECT FROM found
            WHERE EXISTS (SELECT FROM auth.used_prekeys u
                     WHERE u.user_id = $1 AND u.kind = 2 AND u.key_hash = $10)
            OR EXISTS (SELECT FROM (SELECT substring(e.hashes FROM 16 * n.place + 1 FOR 16) AS key_hash
             FROM (SELECT substring(p.hashes FROM 1) AS hashes FROM auth.prekey_pages p
                    WHERE p.kind = 2 AND p.user_id = $1 OFFSET 0) e
            CROSS JOIN LATERAL generate_series(0, octet_length(e.hashes) / 16 - 1) AS n (place)) k WHERE k.key_hash = $10)
               OR EXISTS (SELECT FROM auth.prekey_pages p
                           WHERE p.user_id = $1 AND p.device_id = $2
                             AND p.kind = 2 AND EXISTS (
             SELECT FROM (SELECT substring(p.keys FROM 1) AS keys OFFSET 0) e
              CROSS JOIN LATERAL generate_series(p.next::int, p.count - 1) AS n (place)
              WHERE substring(e.keys FROM n.place * p.width + 1 FOR 4) = int4send($9)))),
         owner AS (SELECT * FROM found WHERE NOT EXISTS (SELECT FROM clash)),
         remembered AS (
           INSERT INTO auth.used_prekeys (user_id, kind, key_hash)
           SELECT user_id, 3, $10 FROM owner
           ON CONFLICT DO NOTHING),
         last_resort AS (
           INSERT INTO auth.kyber_last_resort_prekeys AS k (device_id, id, key_id, key_hash,
                  public_key, signature, created_at)
           SELECT device_id, $8, $9, $10, $11, $12, $4 FROM owner
           ON CONFLICT (device_id) DO UPDATE SET id = excluded.id,
             key_id = excluded.key_id, key_hash = excluded.key_hash,
             public_key = excluded.public_key, signature = excluded.signature,
             created_at = excluded.created_at WHERE k.created_at <= excluded.created_at RETURNING k.device_id),
         cause AS (SELECT user_id FROM found WHERE EXISTS (SELECT FROM last_resort)),
         new_cause AS (
           SELECT c.user_id FROM cause AS c WHERE NOT EXISTS (
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
                EXISTS (SELECT FROM clash) AS clashes, 1::int8 AS stored
