-- release_account
-- $1 user uuid
-- $2 phone text
-- $3 digests _bytea
-- $4 call uuid
-- $5 timestamp int8
-- $6 now timestamptz
-- $7 audit_entry text
-- $8 audit_personal jsonb
-- returns ended _uuid
WITH released AS (
           UPDATE auth.users_auth
              SET phone_number = NULL, log_ins_stopped_since = NULL, updated_at = $6
            WHERE id = $1 AND phone_number = $2
           RETURNING id AS user_id),
         kept AS (
           INSERT INTO auth.released_accounts (user_id, released_at)
           SELECT user_id, $6 FROM released),
         retired AS (
           INSERT INTO auth.retired_identities (digest, user_id)
           SELECT unnest($3::bytea[]), user_id FROM released
           ON CONFLICT DO NOTHING),
         forgotten AS (DELETE FROM auth.account_changes WHERE user_id = $1),
         ended AS (
           UPDATE auth.sessions AS s
              SET revoked_at = $6, revoked_for = 'number_released', ended_by = $4
            WHERE s.id IN (SELECT id FROM auth.sessions
                            WHERE user_id = $1 AND revoked_at IS NULL AND true
                            ORDER BY id FOR UPDATE)
           RETURNING s.id, s.user_id),
         tombstones AS ( -- also of what an earlier call ended, whose answer may be lost
           SELECT id FROM ended UNION
           SELECT id FROM auth.sessions
            WHERE user_id = $1 AND true AND revoked_at > $6 - interval '120 seconds'),
         ended_event AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'session.ended', jsonb_build_object('sessionId', id), $6
             FROM ended),
         released_event AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'user.phone_released',
                  jsonb_build_object('userId', user_id, 'phoneNumber', $2,
                                     'timestamp', $5), $6
             FROM released),
         audit_head AS (
           INSERT INTO auth.audit_heads AS h (user_id, seq, head)
           SELECT user_id, 1, sha256(decode(repeat('00', 32), 'hex') || int8send(1)
                    || convert_to($7, 'UTF8'))
             FROM released
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
         SELECT array(SELECT id FROM tombstones) AS ended
