-- change_phone
-- $1 user uuid
-- $2 session uuid
-- $3 call uuid
-- $4 phone text
-- $5 verification uuid
-- $6 timestamp int8
-- $7 now timestamptz
-- $8 audit_entry text
-- $9 audit_personal jsonb
-- returns is_used bool
-- returns is_changed bool
-- returns ended _uuid
WITH used AS (
           INSERT INTO auth.used_verifications (verification_id, used_by, used_at)
           VALUES ($5, $3, $7)
           ON CONFLICT DO NOTHING RETURNING 1),
         before AS MATERIALIZED (
           SELECT id AS user_id, phone_number FROM auth.users_auth
            WHERE id = $1 AND phone_number <> $4 AND EXISTS (SELECT FROM used)),
         changed AS (
           UPDATE auth.users_auth
              SET phone_number = $4, log_ins_stopped_since = NULL, updated_at = $7
            WHERE id = (SELECT user_id FROM before)
           RETURNING id AS user_id),
         ended AS (
           UPDATE auth.sessions AS s
              SET revoked_at = $7, revoked_for = 'phone_changed', ended_by = $3
            WHERE s.id IN (SELECT id FROM auth.sessions
                            WHERE user_id = $1 AND revoked_at IS NULL AND id <> $2 AND EXISTS (SELECT FROM changed)
                            ORDER BY id FOR UPDATE)
           RETURNING s.id, s.user_id),
         tombstones AS ( -- also of what an earlier call ended, whose answer may be lost
           SELECT id FROM ended UNION
           SELECT id FROM auth.sessions
            WHERE user_id = $1 AND id <> $2 AND EXISTS (SELECT FROM changed) AND revoked_at > $7 - interval '120 seconds'),
         ended_event AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'session.ended', jsonb_build_object('sessionId', id), $7
             FROM ended),
         changed_event AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'user.phone_changed',
                  jsonb_build_object('userId', user_id, 'phoneNumber', $4,
                                     'timestamp', $6), $7
             FROM changed),
         notice_to_phone AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'security.notice',
                  jsonb_build_object('userId', user_id, 'notice', 'phone_changed', 'to', 'phone',
                                     'phoneNumber', phone_number, 'timestamp', $6), $7
             FROM before),
         notice_to_devices AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'security.notice',
                  jsonb_build_object('userId', user_id, 'notice', 'phone_changed', 'to', 'devices',
                                     'timestamp', $6), $7
             FROM changed),
         audit_head AS (
           INSERT INTO auth.audit_heads AS h (user_id, seq, head)
           SELECT user_id, 1, sha256(decode(repeat('00', 32), 'hex') || int8send(1)
                    || convert_to($8, 'UTF8'))
             FROM changed
           ON CONFLICT (user_id) DO UPDATE
             SET seq = h.seq + 1,
                 head = sha256(h.head || int8send(h.seq + 1) || convert_to($8, 'UTF8'))
           RETURNING user_id, seq, head),
         security_event AS (
           INSERT INTO auth.security_events (user_id, seq, hash, entry, personal, created_at)
           SELECT user_id, seq, head, $8, $9, $7 FROM audit_head),
         audit_event AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'audit',
                  jsonb_build_object('seq', seq, 'hash', encode(head, 'hex'),
                                     'entry', $8, 'personal', $9), $7
             FROM audit_head)
         SELECT EXISTS (SELECT FROM used) AS is_used, EXISTS (SELECT FROM changed) AS is_changed,
                array(SELECT id FROM tombstones) AS ended
