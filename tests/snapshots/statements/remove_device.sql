-- remove_device
-- $1 user uuid
-- $2 device uuid
-- $3 timestamp int8
-- $4 now timestamptz
-- $5 audit_entry text
-- $6 audit_personal jsonb
-- returns ended _uuid
WITH target AS MATERIALIZED (
           SELECT d.id AS device_id, d.user_id, d.signal_device_id, i.registration_id
             FROM auth.devices d LEFT JOIN auth.identity_keys i ON i.device_id = d.id
            WHERE d.id = $2 AND d.user_id = $1),
         page AS MATERIALIZED (
           SELECT p.*
             FROM (SELECT * FROM target ORDER BY device_id) d
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
         ended_session AS MATERIALIZED (
           SELECT s.id, s.user_id FROM auth.sessions s
            WHERE s.device_id = (SELECT device_id FROM target) AND s.revoked_at IS NULL
              FOR UPDATE),
         tombstones AS ( -- also of what an earlier call ended, whose answer may be lost
           SELECT id FROM ended_session UNION
           SELECT id FROM auth.sessions
            WHERE device_id = (SELECT device_id FROM target)
              AND revoked_at > $4 - interval '120 seconds'),
         released AS (
           INSERT INTO auth.released_signal_device_ids AS r
                  (user_id, signal_device_id, registration_id, released_at)
           SELECT user_id, signal_device_id, registration_id, $4
             FROM target WHERE signal_device_id IS NOT NULL
           ON CONFLICT (user_id, signal_device_id) DO UPDATE SET
             registration_id = excluded.registration_id, released_at = excluded.released_at),
         removed AS (
           DELETE FROM auth.devices d USING target t
            WHERE d.id = t.device_id AND (SELECT count(*) FROM ended_session) >= 0 -- these first
           RETURNING d.user_id, d.id AS device_id),
         version AS (
           UPDATE auth.users_auth u SET device_list_version = device_list_version + 1
             FROM removed r WHERE u.id = r.user_id),
         removed_event AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'device.removed',
                  jsonb_build_object('userId', user_id, 'deviceId', device_id,
                                     'timestamp', $3), $4
             FROM removed),
         ended_event AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'session.ended', jsonb_build_object('sessionId', id), $4
             FROM ended_session),
         audit_head AS (
           INSERT INTO auth.audit_heads AS h (user_id, seq, head)
           SELECT user_id, 1, sha256(decode(repeat('00', 32), 'hex') || int8send(1)
                    || convert_to($5, 'UTF8'))
             FROM removed
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
         SELECT array(SELECT id FROM tombstones) AS ended FROM removed
