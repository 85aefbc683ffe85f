-- apply_second_factor_reset
-- $1 user uuid
-- $2 now timestamptz
-- $3 audit_entry text
-- $4 audit_personal jsonb
-- returns reset int4
WITH due AS (
           DELETE FROM auth.second_factor_resets WHERE user_id = $1 AND effective_at <= $2
           RETURNING user_id),
         reset AS (
           UPDATE auth.users_auth
              SET two_factor_enabled = false, two_factor_secret = NULL,
                  two_factor_pending_secret = NULL, two_factor_pending_session = NULL,
                  two_factor_pending_at = NULL, updated_at = $2
            WHERE id IN (SELECT user_id FROM due) AND two_factor_enabled
           RETURNING id AS user_id),
         codes AS (
           DELETE FROM auth.backup_codes WHERE user_id IN (SELECT user_id FROM reset)),
         stepped_up AS (
           UPDATE auth.sessions SET stepped_up_at = NULL
            WHERE user_id IN (SELECT user_id FROM reset) AND stepped_up_at IS NOT NULL),
         audit_head AS (
           INSERT INTO auth.audit_heads AS h (user_id, seq, head)
           SELECT user_id, 1, sha256(decode(repeat('00', 32), 'hex') || int8send(1)
                    || convert_to($3, 'UTF8'))
             FROM reset
           ON CONFLICT (user_id) DO UPDATE
             SET seq = h.seq + 1,
                 head = sha256(h.head || int8send(h.seq + 1) || convert_to($3, 'UTF8'))
           RETURNING user_id, seq, head),
         security_event AS (
           INSERT INTO auth.security_events (user_id, seq, hash, entry, personal, created_at)
           SELECT user_id, seq, head, $3, $4, $2 FROM audit_head),
         audit_event AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'audit',
                  jsonb_build_object('seq', seq, 'hash', encode(head, 'hex'),
                                     'entry', $3, 'personal', $4), $2
             FROM audit_head)
         SELECT 1 AS reset FROM reset
