-- update_device
-- $1 user uuid
-- $2 device uuid
-- $3 device_name text
-- $4 fcm_token text
-- $5 apns_token text
-- $6 now timestamptz
-- $7 audit_entry text
-- $8 audit_personal jsonb
-- returns updated int4
WITH changed AS (
           UPDATE auth.devices SET
             device_name = coalesce($3, device_name),
             fcm_token = coalesce($4, fcm_token),
             apns_token = coalesce($5, apns_token),
             updated_at = $6
           WHERE id = $2 AND user_id = $1 RETURNING user_id),
         new_cause AS (
           SELECT c.user_id FROM changed AS c WHERE NOT EXISTS (
             SELECT FROM auth.security_events AS e
              WHERE e.user_id = c.user_id AND e.entry = $7
                AND e.seq > (SELECT h.seq - 20 FROM auth.audit_heads AS h
                              WHERE h.user_id = c.user_id))),
         audit_head AS (
           INSERT INTO auth.audit_heads AS h (user_id, seq, head)
           SELECT user_id, 1, sha256(decode(repeat('00', 32), 'hex') || int8send(1)
                    || convert_to($7, 'UTF8'))
             FROM new_cause
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
         SELECT 1 AS updated
