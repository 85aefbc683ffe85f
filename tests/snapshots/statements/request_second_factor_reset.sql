-- request_second_factor_reset
-- $1 user uuid
-- $2 effective_at timestamptz
-- $3 timestamp int8
-- $4 now timestamptz
-- $5 audit_entry text
-- $6 audit_personal jsonb
-- returns effective_at timestamptz
WITH requested AS (
           INSERT INTO auth.second_factor_resets (user_id, requested_at, effective_at)
           VALUES ($1, $4, $2)
           ON CONFLICT (user_id) DO NOTHING RETURNING user_id, effective_at),
         told AS (
           SELECT u.id AS user_id, u.phone_number
             FROM auth.users_auth u JOIN requested r ON r.user_id = u.id
            WHERE u.phone_number IS NOT NULL),
         notice_to_devices AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'security.notice',
                  jsonb_build_object('userId', user_id, 'notice', 'second_factor_reset', 'to', 'devices',
                                     'timestamp', $3), $4
             FROM requested),
         notice_to_phone AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'security.notice',
                  jsonb_build_object('userId', user_id, 'notice', 'second_factor_reset', 'to', 'phone',
                                     'phoneNumber', phone_number, 'timestamp', $3), $4
             FROM told),
         audit_head AS (
           INSERT INTO auth.audit_heads AS h (user_id, seq, head)
           SELECT user_id, 1, sha256(decode(repeat('00', 32), 'hex') || int8send(1)
                    || convert_to($5, 'UTF8'))
             FROM requested
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
         SELECT effective_at FROM requested
         UNION ALL
         SELECT effective_at FROM auth.second_factor_resets WHERE user_id = $1
