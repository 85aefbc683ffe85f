-- cancel_second_factor_reset
-- $1 user uuid
-- $2 session uuid
-- $3 timestamp int8
-- $4 now timestamptz
-- $5 audit_entry text
-- $6 audit_personal jsonb
-- returns is_verified bool
-- returns is_cancelled bool
WITH device AS (
           SELECT d.is_verified, d.user_id
             FROM auth.sessions s JOIN auth.devices d ON d.id = s.device_id
            WHERE s.id = $2 AND s.user_id = $1 AND s.revoked_at IS NULL),
         cancelled AS (
           DELETE FROM auth.second_factor_resets
            WHERE user_id IN (SELECT user_id FROM device WHERE is_verified) AND effective_at > $4
           RETURNING user_id),
         notice_to_devices AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'security.notice',
                  jsonb_build_object('userId', user_id, 'notice', 'second_factor_reset_cancelled', 'to', 'devices',
                                     'timestamp', $3), $4
             FROM cancelled),
         audit_head AS (
           INSERT INTO auth.audit_heads AS h (user_id, seq, head)
           SELECT user_id, 1, sha256(decode(repeat('00', 32), 'hex') || int8send(1)
                    || convert_to($5, 'UTF8'))
             FROM cancelled
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
         SELECT is_verified, EXISTS (SELECT FROM cancelled) AS is_cancelled FROM device
