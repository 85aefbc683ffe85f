-- end_session
-- $1 user uuid
-- $2 call uuid
-- $3 now timestamptz
-- $4 audit_entry text
-- $5 audit_personal jsonb
-- $6 session uuid
WITH ended AS (
           UPDATE auth.sessions AS s
              SET revoked_at = $3, revoked_for = 'logout', ended_by = $2
            WHERE s.id IN (SELECT id FROM auth.sessions
                            WHERE user_id = $1 AND revoked_at IS NULL AND id = $6
                            ORDER BY id FOR UPDATE)
           RETURNING s.id, s.user_id),
         tombstones AS ( -- also of what an earlier call ended, whose answer may be lost
           SELECT id FROM ended UNION
           SELECT id FROM auth.sessions
            WHERE user_id = $1 AND id = $6 AND revoked_at > $3 - interval '120 seconds'),
         ended_event AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'session.ended', jsonb_build_object('sessionId', id), $3
             FROM ended),
         cause AS (SELECT DISTINCT user_id FROM ended),
         audit_head AS (
           INSERT INTO auth.audit_heads AS h (user_id, seq, head)
           SELECT user_id, 1, sha256(decode(repeat('00', 32), 'hex') || int8send(1)
                    || convert_to($4, 'UTF8'))
             FROM cause
           ON CONFLICT (user_id) DO UPDATE
             SET seq = h.seq + 1,
                 head = sha256(h.head || int8send(h.seq + 1) || convert_to($4, 'UTF8'))
           RETURNING user_id, seq, head),
         security_event AS (
           INSERT INTO auth.security_events (user_id, seq, hash, entry, personal, created_at)
           SELECT user_id, seq, head, $4, $5, $3 FROM audit_head),
         audit_event AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'audit',
                  jsonb_build_object('seq', seq, 'hash', encode(head, 'hex'),
                                     'entry', $4, 'personal', $5), $3
             FROM audit_head) SELECT FROM ended
