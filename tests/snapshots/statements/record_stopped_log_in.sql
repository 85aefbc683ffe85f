-- record_stopped_log_in
-- $1 phone text
-- $2 verification uuid
-- $3 timestamp int8
-- $4 now timestamptz
-- $5 audit_entry text
-- $6 audit_personal jsonb
-- returns recorded int4
WITH stopped AS (
           UPDATE auth.users_auth SET log_ins_stopped_since = $4
            WHERE phone_number = $1 AND log_ins_stopped_since IS NULL
              AND NOT EXISTS (SELECT FROM auth.used_verifications
                               WHERE verification_id = $2)
           RETURNING id AS user_id),
         notice_to_devices AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'security.notice',
                  jsonb_build_object('userId', user_id, 'notice', 'log_in_stopped', 'to', 'devices',
                                     'timestamp', $3), $4
             FROM stopped),
         audit_head AS (
           INSERT INTO auth.audit_heads AS h (user_id, seq, head)
           SELECT user_id, 1, sha256(decode(repeat('00', 32), 'hex') || int8send(1)
                    || convert_to($5, 'UTF8'))
             FROM stopped
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
         SELECT 1 AS recorded
