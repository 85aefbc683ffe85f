-- set_registration_lock
-- $1 user uuid
-- $2 hash bytea
-- $3 timestamp int8
-- $4 now timestamptz
-- $5 audit_entry text
-- $6 audit_personal jsonb
-- returns changed int4
WITH changed AS (
           UPDATE auth.users_auth SET recovery_code_hash = $2, updated_at = $4
            WHERE id = $1 AND ($2 IS NOT NULL OR recovery_code_hash IS NOT NULL)
           RETURNING id AS user_id),
         notice_to_devices AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'security.notice',
                  jsonb_build_object('userId', user_id, 'notice', 'registration_lock_set', 'to', 'devices',
                                     'timestamp', $3), $4
             FROM changed),
         audit_head AS (
           INSERT INTO auth.audit_heads AS h (user_id, seq, head)
           SELECT user_id, 1, sha256(decode(repeat('00', 32), 'hex') || int8send(1)
                    || convert_to($5, 'UTF8'))
             FROM changed
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
         SELECT 1 AS changed
