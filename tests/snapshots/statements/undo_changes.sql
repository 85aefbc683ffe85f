-- undo_changes
-- $1 user uuid
-- $2 session uuid
-- $3 phone text
-- $4 since timestamptz
-- $5 verification uuid
-- $6 call uuid
-- $7 timestamp int8
-- $8 now timestamptz
-- $9 audit_entry text
-- $10 audit_personal jsonb
-- returns is_found bool
-- returns is_restored bool
-- returns backup_codes jsonb
-- returns ended _uuid
WITH own AS (
           SELECT d.id AS device_id, d.user_id, coalesce(d.joined_at, d.created_at) AS joined_at
             FROM auth.sessions s JOIN auth.devices d ON d.id = s.device_id
            WHERE s.id = $2 AND s.user_id = $1 AND d.is_verified),
         chosen AS MATERIALIZED (
           SELECT c.* FROM auth.account_changes c JOIN own o ON o.user_id = c.user_id
            WHERE c.phone_number = $3 AND c.changed_at > $4
              AND (c.device_joined_at, c.device_id) > (o.joined_at, o.device_id)
            ORDER BY c.seq LIMIT 1),
         used AS (
           INSERT INTO auth.used_verifications (verification_id, used_by, used_at)
           SELECT $5, $6, $8 FROM chosen
           ON CONFLICT DO NOTHING RETURNING 1),
         before AS MATERIALIZED (
           SELECT id AS user_id, phone_number FROM auth.users_auth WHERE id = $1),
         restored AS (
           UPDATE auth.users_auth u
              SET phone_number = c.phone_number, two_factor_enabled = c.two_factor_enabled,
                  two_factor_secret = c.two_factor_secret, two_factor_pending_secret = NULL,
                  two_factor_pending_session = NULL, two_factor_pending_at = NULL,
                  recovery_code_hash = c.recovery_code_hash, log_ins_stopped_since = NULL,
                  last_change_call = $6, updated_at = $8
             FROM chosen c WHERE u.id = c.user_id AND EXISTS (SELECT FROM used)
           RETURNING u.id AS user_id, u.phone_number),
         codes AS (
           DELETE FROM auth.backup_codes WHERE user_id IN (SELECT user_id FROM restored)),
         no_reset AS ( -- it was asked for another second factor than this one
           DELETE FROM auth.second_factor_resets
            WHERE user_id IN (SELECT user_id FROM restored)),
         forgotten AS (
           DELETE FROM auth.account_changes
            WHERE user_id IN (SELECT user_id FROM restored)
              AND seq >= (SELECT seq FROM chosen)),
         ended AS (
           UPDATE auth.sessions AS s
              SET revoked_at = $8, revoked_for = 'second_factor_changed', ended_by = $6
            WHERE s.id IN (SELECT id FROM auth.sessions
                            WHERE user_id = $1 AND revoked_at IS NULL AND device_id <> (SELECT device_id FROM own) AND EXISTS (SELECT FROM restored)
                            ORDER BY id FOR UPDATE)
           RETURNING s.id, s.user_id),
         tombstones AS ( -- also of what an earlier call ended, whose answer may be lost
           SELECT id FROM ended UNION
           SELECT id FROM auth.sessions
            WHERE user_id = $1 AND device_id <> (SELECT device_id FROM own) AND EXISTS (SELECT FROM restored) AND revoked_at > $8 - interval '120 seconds'),
         ended_event AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'session.ended', jsonb_build_object('sessionId', id), $8
             FROM ended),
         changed_event AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT r.user_id, 'user.phone_changed',
                  jsonb_build_object('userId', r.user_id, 'phoneNumber', r.phone_number,
                                     'timestamp', $7), $8
             FROM restored r JOIN before b ON b.user_id = r.user_id
            WHERE b.phone_number IS DISTINCT FROM r.phone_number),
         notice_to_devices AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'security.notice',
                  jsonb_build_object('userId', user_id, 'notice', 'change_undone', 'to', 'devices',
                                     'timestamp', $7), $8
             FROM restored),
         audit_head AS (
           INSERT INTO auth.audit_heads AS h (user_id, seq, head)
           SELECT user_id, 1, sha256(decode(repeat('00', 32), 'hex') || int8send(1)
                    || convert_to($9, 'UTF8'))
             FROM restored
           ON CONFLICT (user_id) DO UPDATE
             SET seq = h.seq + 1,
                 head = sha256(h.head || int8send(h.seq + 1) || convert_to($9, 'UTF8'))
           RETURNING user_id, seq, head),
         security_event AS (
           INSERT INTO auth.security_events (user_id, seq, hash, entry, personal, created_at)
           SELECT user_id, seq, head, $9, $10, $8 FROM audit_head),
         audit_event AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'audit',
                  jsonb_build_object('seq', seq, 'hash', encode(head, 'hex'),
                                     'entry', $9, 'personal', $10), $8
             FROM audit_head)
         SELECT EXISTS (SELECT FROM chosen) AS is_found, EXISTS (SELECT FROM restored) AS is_restored,
                (SELECT backup_codes FROM chosen) AS backup_codes,
                array(SELECT id FROM tombstones) AS ended
