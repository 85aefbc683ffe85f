-- step_up_session
-- $1 user uuid
-- $2 session uuid
-- $3 now timestamptz
-- $4 audit_entry text
-- $5 audit_personal jsonb
-- returns id uuid
WITH stepped_up AS (
           UPDATE auth.sessions SET stepped_up_at = $3
            WHERE id = $2 AND user_id = $1 AND revoked_at IS NULL
           RETURNING id, user_id),
         new_cause AS (
           SELECT c.user_id FROM stepped_up AS c WHERE NOT EXISTS (
             SELECT FROM auth.security_events AS e
              WHERE e.user_id = c.user_id AND e.entry = $4
                AND e.seq > (SELECT h.seq - 20 FROM auth.audit_heads AS h
                              WHERE h.user_id = c.user_id))),
         audit_head AS (
           INSERT INTO auth.audit_heads AS h (user_id, seq, head)
           SELECT user_id, 1, sha256(decode(repeat('00', 32), 'hex') || int8send(1)
                    || convert_to($4, 'UTF8'))
             FROM new_cause
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
             FROM audit_head)
         SELECT id FROM stepped_up
