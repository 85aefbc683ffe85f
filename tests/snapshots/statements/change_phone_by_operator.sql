-- change_phone_by_operator
-- $1 user uuid
-- $2 call uuid
-- $3 phone text
-- $4 verification uuid
-- $5 timestamp int8
-- $6 now timestamptz
-- $7 audit_entry text
-- $8 audit_personal jsonb
-- returns is_used bool
-- returns is_changed bool
-- returns ended int8
-- returns tombstones _uuid
WITH used AS (
           INSERT INTO auth.used_verifications (verification_id, used_by, used_at)
           VALUES ($4, $2, $6)
           ON CONFLICT DO NOTHING RETURNING 1),
         before AS MATERIALIZED (
           SELECT id AS user_id, phone_number FROM auth.users_auth
            WHERE id = $1 AND phone_number <> $3 AND EXISTS (SELECT FROM used)),
         remembered AS (
           INSERT INTO auth.account_changes (call, user_id, device_id, device_joined_at, changed_at,
                  phone_number, two_factor_enabled, two_factor_secret, recovery_code_hash,
                  backup_codes)
           SELECT $2, u.id, '00000000-0000-0000-0000-000000000000', $6, $6, u.phone_number,
                  u.two_factor_enabled, u.two_factor_secret, u.recovery_code_hash,
                  coalesce((SELECT jsonb_agg(to_jsonb(b)) FROM auth.backup_codes b
                             WHERE b.user_id = u.id), '[]')
             FROM auth.users_auth u JOIN before b ON b.user_id = u.id),
         changed AS (
           UPDATE auth.users_auth
              SET phone_number = $3, log_ins_stopped_since = NULL, updated_at = $6
            WHERE id = (SELECT user_id FROM before)
           RETURNING id AS user_id),
         ended AS (
           UPDATE auth.sessions AS s
              SET revoked_at = $6, revoked_for = 'phone_changed', ended_by = $2
            WHERE s.id IN (SELECT id FROM auth.sessions
                            WHERE user_id = $1 AND revoked_at IS NULL AND EXISTS (SELECT FROM changed)
                            ORDER BY id FOR UPDATE)
           RETURNING s.id, s.user_id),
         tombstones AS ( -- also of what an earlier call ended, whose answer may be lost
           SELECT id FROM ended UNION
           SELECT id FROM auth.sessions
            WHERE user_id = $1 AND EXISTS (SELECT FROM changed) AND revoked_at > $6 - interval '120 seconds'),
         ended_event AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'session.ended', jsonb_build_object('sessionId', id), $6
             FROM ended),
         changed_event AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'user.phone_changed',
                  jsonb_build_object('userId', user_id, 'phoneNumber', $3,
                                     'timestamp', $5), $6
             FROM changed),
         notice_to_phone AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'security.notice',
                  jsonb_build_object('userId', user_id, 'notice', 'phone_changed', 'to', 'phone',
                                     'phoneNumber', phone_number, 'timestamp', $5), $6
             FROM before),
         notice_to_devices AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'security.notice',
                  jsonb_build_object('userId', user_id, 'notice', 'phone_changed', 'to', 'devices',
                                     'timestamp', $5), $6
             FROM changed),
         audit_head AS (
           INSERT INTO auth.audit_heads AS h (user_id, seq, head)
           SELECT user_id, 1, sha256(decode(repeat('00', 32), 'hex') || int8send(1)
                    || convert_to($7, 'UTF8'))
             FROM changed
           ON CONFLICT (user_id) DO UPDATE
             SET seq = h.seq + 1,
                 head = sha256(h.head || int8send(h.seq + 1) || convert_to($7, 'UTF8'))
           RETURNING user_id, seq, head),
         security_event AS (
           INSERT INTO auth.security_events (user_id, seq, hash, entry, personal, created_at)
           SELECT user_id, seq, head, $7, $8, $6 FROM audit_head),
         audit_event AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'audit',
                  jsonb_build_object('seq', seq, 'hash', encode(head, 'hex'),
                                     'entry', $7, 'personal', $8), $6
             FROM audit_head)
         SELECT EXISTS (SELECT FROM used) AS is_used, EXISTS (SELECT FROM changed) AS is_changed,
                (SELECT count(*) FROM ended) AS ended, array(SELECT id FROM tombstones) AS tombstones
