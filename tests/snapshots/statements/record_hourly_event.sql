-- record_hourly_event
-- $1 event_id uuid
-- $2 user uuid
-- $3 now timestamptz
-- $4 audit_entry text
-- $5 audit_personal jsonb
-- returns entered bool
WITH cause AS (
           INSERT INTO auth.hourly_events (event_id, user_id, entered_at)
           SELECT $1, id, $3 FROM auth.users_auth WHERE id = $2
           ON CONFLICT (event_id) DO NOTHING RETURNING user_id),
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
             FROM audit_head)
         SELECT EXISTS (SELECT FROM cause) AS entered
