-- restore_account
-- $1 user uuid
-- $2 call uuid
-- $3 phone text
-- $4 verification uuid
-- $5 timestamp int8
-- $6 now timestamptz
-- $7 audit_entry text
-- $8 audit_personal jsonb
-- returns is_used bool
-- returns is_changed bool
-- returns ended int8
-- returns tombstones _uuid
WITH used AS (
           INSERT INTO auth.used_verifications (verification_id, used_by, used_at)
           VALUES ($4, $2, $6)
           ON CONFLICT DO NOTHING RETURNING 1),
         changed AS (
           UPDATE auth.users_auth
              SET phone_number = $3, last_authenticated_at = $6, updated_at = $6
            WHERE id = $1 AND phone_number IS NULL AND EXISTS (SELECT FROM used)
           RETURNING id AS user_id),
         kept AS (
           DELETE FROM auth.released_accounts WHERE user_id IN (SELECT user_id FROM changed)),
         changed_event AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'user.phone_changed',
                  jsonb_build_object('userId', user_id, 'phoneNumber', $3,
                                     'timestamp', $5), $6
             FROM changed),
         audit_head AS (
           INSERT INTO auth.audit_heads AS h (user_id, seq, head)
           SELECT user_id, 1, sha256(decode(repeat('00', 32), 'hex') || int8send(1)
                    || convert_to($7, 'UTF8'))
             FROM changed
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
         SELECT EXISTS (SELECT FROM used) AS is_used, EXISTS (SELECT FROM changed) AS is_changed,
                0::int8 AS ended, '{}'::uuid[] AS tombstones
