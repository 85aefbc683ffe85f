-- set_up_second_factor
-- $1 user uuid
-- $2 session uuid
-- $3 secret bytea
-- $4 now timestamptz
-- $5 pending_since timestamptz
-- $6 audit_entry text
-- $7 audit_personal jsonb
-- returns secret bytea
WITH set_up AS (
           UPDATE auth.users_auth
              SET two_factor_pending_secret =
                    CASE WHEN two_factor_pending_session = $2
        AND two_factor_pending_at > $5 AND two_factor_pending_secret IS NOT NULL THEN two_factor_pending_secret ELSE $3 END,
                  two_factor_pending_at =
                    CASE WHEN two_factor_pending_session = $2
        AND two_factor_pending_at > $5 AND two_factor_pending_secret IS NOT NULL THEN two_factor_pending_at ELSE $4 END,
                  two_factor_pending_session = $2
            WHERE id = $1 AND NOT two_factor_enabled
           RETURNING id AS user_id, two_factor_pending_secret AS secret),
         cause AS (SELECT user_id FROM set_up WHERE secret = $3),
         new_cause AS (
           SELECT c.user_id FROM cause AS c WHERE NOT EXISTS (
             SELECT FROM auth.security_events AS e
              WHERE e.user_id = c.user_id AND e.entry = $6
                AND e.seq > (SELECT h.seq - 20 FROM auth.audit_heads AS h
                              WHERE h.user_id = c.user_id))),
         audit_head AS (
           INSERT INTO auth.audit_heads AS h (user_id, seq, head)
           SELECT user_id, 1, sha256(decode(repeat('00', 32), 'hex') || int8send(1)
                    || convert_to($6, 'UTF8'))
             FROM new_cause
           ON CONFLICT (user_id) DO UPDATE
             SET seq = h.seq + 1,
                 head = sha256(h.head || int8send(h.seq + 1) || convert_to($6, 'UTF8'))
           RETURNING user_id, seq, head),
         security_event AS (
           INSERT INTO auth.security_events (user_id, seq, hash, entry, personal, created_at)
           SELECT user_id, seq, head, $6, $7, $4 FROM audit_head),
         audit_event AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'audit',
                  jsonb_build_object('seq', seq, 'hash', encode(head, 'hex'),
                                     'entry', $6, 'personal', $7), $4
             FROM audit_head)
         SELECT secret FROM set_up
