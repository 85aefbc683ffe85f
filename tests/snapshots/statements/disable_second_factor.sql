-- disable_second_factor
-- $1 user uuid
-- $2 session uuid
-- $3 call uuid
-- $4 now timestamptz
-- $5 audit_entry text
-- $6 audit_personal jsonb
-- returns ended _uuid
WITH disabled AS (
           UPDATE auth.users_auth
              SET two_factor_enabled = false, two_factor_secret = NULL,
                  two_factor_pending_secret = NULL, two_factor_pending_session = NULL,
                  two_factor_pending_at = NULL, updated_at = $4
            WHERE id = $1 AND two_factor_enabled
           RETURNING id AS user_id),
         deleted AS (
           DELETE FROM auth.backup_codes WHERE user_id IN (SELECT user_id FROM disabled)),
         no_reset AS (
           DELETE FROM auth.second_factor_resets
            WHERE user_id IN (SELECT user_id FROM disabled)),
         own AS (
           UPDATE auth.sessions SET stepped_up_at = NULL
            WHERE id = $2 AND EXISTS (SELECT FROM disabled)),
         ended AS (
           UPDATE auth.sessions AS s
              SET revoked_at = $4, revoked_for = 'second_factor_changed', ended_by = $3
            WHERE s.id IN (SELECT id FROM auth.sessions
                            WHERE user_id = $1 AND revoked_at IS NULL AND id <> $2 AND EXISTS (SELECT FROM disabled)
                            ORDER BY id FOR UPDATE)
           RETURNING s.id, s.user_id),
         tombstones AS ( -- also of what an earlier call ended, whose answer may be lost
           SELECT id FROM ended UNION
           SELECT id FROM auth.sessions
            WHERE user_id = $1 AND id <> $2 AND EXISTS (SELECT FROM disabled) AND revoked_at > $4 - interval '120 seconds'),
         ended_event AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'session.ended', jsonb_build_object('sessionId', id), $4
             FROM ended),
         audit_head AS (
           INSERT INTO auth.audit_heads AS h (user_id, seq, head)
           SELECT user_id, 1, sha256(decode(repeat('00', 32), 'hex') || int8send(1)
                    || convert_to($5, 'UTF8'))
             FROM disabled
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
         SELECT array(SELECT id FROM tombstones) AS ended
