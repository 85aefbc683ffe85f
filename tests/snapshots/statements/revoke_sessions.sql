-- revoke_sessions
-- $1 user uuid
-- $2 device uuid
-- $3 session uuid
-- $4 call uuid
-- $5 now timestamptz
-- $6 audit_entry text
-- $7 audit_personal jsonb
-- returns ended int8
-- returns tombstones _uuid
WITH account AS (SELECT id AS user_id FROM auth.users_auth WHERE id = $1),
         ended AS (
           UPDATE auth.sessions AS s
              SET revoked_at = $5, revoked_for = 'logout_all', ended_by = $4
            WHERE s.id IN (SELECT id FROM auth.sessions
                            WHERE user_id = $1 AND revoked_at IS NULL AND ($2 IS NULL OR device_id = $2) AND ($3 IS NULL OR id = $3)
                            ORDER BY id FOR UPDATE)
           RETURNING s.id, s.user_id),
         tombstones AS ( -- also of what an earlier call ended, whose answer may be lost
           SELECT id FROM ended UNION
           SELECT id FROM auth.sessions
            WHERE user_id = $1 AND ($2 IS NULL OR device_id = $2) AND ($3 IS NULL OR id = $3) AND revoked_at > $5 - interval '120 seconds'),
         ended_event AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'session.ended', jsonb_build_object('sessionId', id), $5
             FROM ended),
         audit_head AS (
           INSERT INTO auth.audit_heads AS h (user_id, seq, head)
           SELECT user_id, 1, sha256(decode(repeat('00', 32), 'hex') || int8send(1)
                    || convert_to($6, 'UTF8'))
             FROM account
           ON CONFLICT (user_id) DO UPDATE
             SET seq = h.seq + 1,
                 head = sha256(h.head || int8send(h.seq + 1) || convert_to($6, 'UTF8'))
           RETURNING user_id, seq, head),
         security_event AS (
           INSERT INTO auth.security_events (user_id, seq, hash, entry, personal, created_at)
           SELECT user_id, seq, head, $6, $7, $5 FROM audit_head),
         audit_event AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'audit',
                  jsonb_build_object('seq', seq, 'hash', encode(head, 'hex'),
                                     'entry', $6, 'personal', $7), $5
             FROM audit_head)
         SELECT (SELECT count(*) FROM ended) AS ended, array(SELECT id FROM tombstones) AS tombstones
