-- enable_second_factor
-- $1 user uuid
-- $2 session uuid
-- $3 call uuid
-- $4 secret bytea
-- $5 step int8
-- $6 now timestamptz
-- $7 pending_since timestamptz
-- $8 proof_since timestamptz
-- $9 is_shipped bool
-- $10 proven text
-- $11 audit_entry text
-- $12 audit_personal jsonb
-- returns is_enabled bool
-- returns ended _uuid
WITH enabled AS (
           UPDATE auth.users_auth
              SET two_factor_enabled = true, two_factor_secret = two_factor_pending_secret,
                  two_factor_last_step = $5, two_factor_last_call = $3,
                  two_factor_pending_secret = NULL, two_factor_pending_session = NULL,
                  two_factor_pending_at = NULL, updated_at = $6
            WHERE id = $1 AND NOT two_factor_enabled AND two_factor_pending_secret = $4
              AND two_factor_pending_session = $2
              AND two_factor_pending_at > $7 AND two_factor_last_step < $5
           RETURNING id AS user_id, phone_number),
         no_reset AS ( -- it was asked for another second factor than this one
           DELETE FROM auth.second_factor_resets
            WHERE user_id IN (SELECT user_id FROM enabled)),
         ended AS (
           UPDATE auth.sessions AS s
              SET revoked_at = $6, revoked_for = 'second_factor_changed', ended_by = $3
            WHERE s.id IN (SELECT id FROM auth.sessions
                            WHERE user_id = $1 AND revoked_at IS NULL AND id <> $2 AND EXISTS (SELECT FROM enabled) AND (NOT $9
        OR EXISTS (SELECT FROM auth.sessions own WHERE own.id = $2
                    AND own.auth_time >= $8)
        OR EXISTS (SELECT FROM enabled WHERE phone_number = $10))
                            ORDER BY id FOR UPDATE)
           RETURNING s.id, s.user_id),
         tombstones AS ( -- also of what an earlier call ended, whose answer may be lost
           SELECT id FROM ended UNION
           SELECT id FROM auth.sessions
            WHERE user_id = $1 AND id <> $2 AND EXISTS (SELECT FROM enabled) AND (NOT $9
        OR EXISTS (SELECT FROM auth.sessions own WHERE own.id = $2
                    AND own.auth_time >= $8)
        OR EXISTS (SELECT FROM enabled WHERE phone_number = $10)) AND revoked_at > $6 - interval '120 seconds'),
         ended_event AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'session.ended', jsonb_build_object('sessionId', id), $6
             FROM ended),
         audit_head AS (
           INSERT INTO auth.audit_heads AS h (user_id, seq, head)
           SELECT user_id, 1, sha256(decode(repeat('00', 32), 'hex') || int8send(1)
                    || convert_to($11, 'UTF8'))
             FROM enabled
           ON CONFLICT (user_id) DO UPDATE
             SET seq = h.seq + 1,
                 head = sha256(h.head || int8send(h.seq + 1) || convert_to($11, 'UTF8'))
           RETURNING user_id, seq, head),
         security_event AS (
           INSERT INTO auth.security_events (user_id, seq, hash, entry, personal, created_at)
           SELECT user_id, seq, head, $11, $12, $6 FROM audit_head),
         audit_event AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'audit',
                  jsonb_build_object('seq', seq, 'hash', encode(head, 'hex'),
                                     'entry', $11, 'personal', $12), $6
             FROM audit_head)
         SELECT EXISTS (SELECT FROM enabled) AS is_enabled,
                array(SELECT id FROM tombstones) AS ended
