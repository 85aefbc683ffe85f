-- delete_account
-- $1 user uuid
-- $2 digests _bytea
-- $3 timestamp int8
-- $4 now timestamptz
-- $5 audit_entry text
-- $6 audit_personal jsonb
-- returns ended _uuid
-- returns sessions _uuid
WITH session AS MATERIALIZED (
           SELECT id, user_id, revoked_at FROM auth.sessions WHERE user_id = $1
            ORDER BY id FOR UPDATE),
         tombstones AS ( -- also of what an earlier call ended, whose answer may be lost
           SELECT id, user_id FROM session
            WHERE revoked_at IS NULL OR revoked_at > $4 - interval '120 seconds'),
         retired AS (
           INSERT INTO auth.retired_identities (digest)
           SELECT unnest($2::bytea[]) ON CONFLICT DO NOTHING),
         deleted AS (
           DELETE FROM auth.users_auth
            WHERE id = $1 AND (SELECT count(*) FROM session) >= 0 -- these first
           RETURNING id AS user_id),
         ended_event AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'session.ended', jsonb_build_object('sessionId', id), $4
             FROM tombstones),
         deleted_event AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'user.deleted',
                  jsonb_build_object('userId', user_id, 'timestamp', $3), $4
             FROM deleted),
         audit_head AS (
           INSERT INTO auth.audit_heads AS h (user_id, seq, head)
           SELECT user_id, 1, sha256(decode(repeat('00', 32), 'hex') || int8send(1)
                    || convert_to($5, 'UTF8'))
             FROM deleted
           ON CONFLICT (user_id) DO UPDATE
             SET seq = h.seq + 1,
                 head = sha256(h.head || int8send(h.seq + 1) || convert_to($5, 'UTF8'))
           RETURNING user_id, seq, head),
         security_event AS (
           INSERT INTO auth.security_events (user_id, seq, hash, entry, personal, created_at)
           SELECT user_id, seq, head, $5, $6, $4 FROM audit_head),
         audit_event AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'audit',
                  jsonb_build_object('seq', seq, 'hash', encode(head, 'hex'),
                                     'entry', $5, 'personal', $6), $4
             FROM audit_head)
         SELECT array(SELECT id FROM tombstones) AS ended, array(SELECT id FROM session) AS sessions
           FROM deleted
