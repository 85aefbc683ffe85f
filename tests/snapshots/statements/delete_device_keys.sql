-- delete_device_keys
-- $1 user uuid
-- $2 now timestamptz
-- $3 audit_entry text
-- $4 audit_personal jsonb
-- $5 device uuid
-- returns has_device bool
-- returns is_deleted bool
WITH 
         gone AS MATERIALIZED (
           SELECT user_id, device_id FROM auth.identity_keys WHERE user_id = $1 AND device_id = $5),
         page AS MATERIALIZED (
           SELECT p.*
             FROM (SELECT * FROM gone ORDER BY device_id) d
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
              AND true),
         deleted AS (
           DELETE FROM auth.identity_keys i USING gone g WHERE i.device_id = g.device_id
           RETURNING i.user_id),
         cause AS (SELECT DISTINCT user_id FROM deleted),
         version AS (
           UPDATE auth.users_auth u SET device_list_version = device_list_version + 1
             FROM cause c WHERE u.id = c.user_id),
         audit_head AS (
           INSERT INTO auth.audit_heads AS h (user_id, seq, head)
           SELECT user_id, 1, sha256(decode(repeat('00', 32), 'hex') || int8send(1)
                    || convert_to($3, 'UTF8'))
             FROM cause
           ON CONFLICT (user_id) DO UPDATE
             SET seq = h.seq + 1,
                 head = sha256(h.head || int8send(h.seq + 1) || convert_to($3, 'UTF8'))
           RETURNING user_id, seq, head),
         security_event AS (
           INSERT INTO auth.security_events (user_id, seq, hash, entry, personal, created_at)
           SELECT user_id, seq, head, $3, $4, $2 FROM audit_head),
         audit_event AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'audit',
                  jsonb_build_object('seq', seq, 'hash', encode(head, 'hex'),
                                     'entry', $3, 'personal', $4), $2
             FROM audit_head)
         SELECT EXISTS (SELECT FROM auth.devices WHERE user_id = $1 AND id = $5) AS has_device,
                EXISTS (SELECT FROM cause) AS is_deleted
