-- exchange_refresh_token
-- $1 session uuid
-- $2 user uuid
-- $3 generation int4
-- $4 fork int4
-- $5 issued_at timestamptz
-- $6 now timestamptz
-- $7 call uuid
-- $8 audit_entry text
-- $9 audit_personal jsonb
-- returns generation int4
-- returns forks int4
-- returns used_fork int4
-- returns issued_at timestamptz
-- returns rotated_at timestamptz
-- returns auth_time timestamptz
-- returns issued bool
-- returns reused bool
WITH rotated AS (
           UPDATE auth.sessions AS s SET
             generation = CASE WHEN ((s.generation = $3 AND $4 >= 0 AND $4 < s.forks) OR ($3 >= s.generation AND $4 >= 0 AND NOT (s.generation = $3 AND $4 >= 0 AND $4 < s.forks)
          AND EXISTS (SELECT FROM auth.restores r WHERE $5 <= r.restored_at))) THEN $3 + 1 ELSE s.generation END,
             forks = CASE WHEN ((s.generation = $3 AND $4 >= 0 AND $4 < s.forks) OR ($3 >= s.generation AND $4 >= 0 AND NOT (s.generation = $3 AND $4 >= 0 AND $4 < s.forks)
          AND EXISTS (SELECT FROM auth.restores r WHERE $5 <= r.restored_at))) THEN 1 WHEN ((s.generation - 1 = $3 AND s.used_fork IS NOT DISTINCT FROM $4) AND $6 >= s.issued_at + interval '10 seconds' AND s.forks < 100) THEN s.forks + 1 ELSE s.forks END,
             used_fork = CASE WHEN ((s.generation = $3 AND $4 >= 0 AND $4 < s.forks) OR ($3 >= s.generation AND $4 >= 0 AND NOT (s.generation = $3 AND $4 >= 0 AND $4 < s.forks)
          AND EXISTS (SELECT FROM auth.restores r WHERE $5 <= r.restored_at))) THEN $4 ELSE s.used_fork END,
             issued_at = CASE WHEN ((s.generation = $3 AND $4 >= 0 AND $4 < s.forks) OR ($3 >= s.generation AND $4 >= 0 AND NOT (s.generation = $3 AND $4 >= 0 AND $4 < s.forks)
          AND EXISTS (SELECT FROM auth.restores r WHERE $5 <= r.restored_at))) OR ((s.generation - 1 = $3 AND s.used_fork IS NOT DISTINCT FROM $4) AND $6 >= s.issued_at + interval '10 seconds' AND s.forks < 100) THEN $6 ELSE s.issued_at END,
             rotated_at = CASE WHEN ((s.generation = $3 AND $4 >= 0 AND $4 < s.forks) OR ($3 >= s.generation AND $4 >= 0 AND NOT (s.generation = $3 AND $4 >= 0 AND $4 < s.forks)
          AND EXISTS (SELECT FROM auth.restores r WHERE $5 <= r.restored_at))) THEN $6 ELSE s.rotated_at END,
             expires_at = CASE WHEN ((s.generation = $3 AND $4 >= 0 AND $4 < s.forks) OR ($3 >= s.generation AND $4 >= 0 AND NOT (s.generation = $3 AND $4 >= 0 AND $4 < s.forks)
          AND EXISTS (SELECT FROM auth.restores r WHERE $5 <= r.restored_at))) OR ((s.generation - 1 = $3 AND s.used_fork IS NOT DISTINCT FROM $4) AND $6 >= s.issued_at + interval '10 seconds' AND s.forks < 100)
               THEN least($6 + interval '2592000 seconds', s.auth_time + interval '7776000 seconds')
               ELSE s.expires_at END,
             revoked_at = CASE WHEN (NOT ((s.generation = $3 AND $4 >= 0 AND $4 < s.forks) OR ($3 >= s.generation AND $4 >= 0 AND NOT (s.generation = $3 AND $4 >= 0 AND $4 < s.forks)
          AND EXISTS (SELECT FROM auth.restores r WHERE $5 <= r.restored_at))) AND NOT (s.generation - 1 = $3 AND s.used_fork IS NOT DISTINCT FROM $4) AND NOT ($3 >= 0 AND $4 >= 0 AND $3 < s.generation
          AND $3 >= s.generation - 8
          AND $6 < s.rotated_at + interval '10 seconds')) THEN $6 END,
             revoked_for = CASE WHEN (NOT ((s.generation = $3 AND $4 >= 0 AND $4 < s.forks) OR ($3 >= s.generation AND $4 >= 0 AND NOT (s.generation = $3 AND $4 >= 0 AND $4 < s.forks)
          AND EXISTS (SELECT FROM auth.restores r WHERE $5 <= r.restored_at))) AND NOT (s.generation - 1 = $3 AND s.used_fork IS NOT DISTINCT FROM $4) AND NOT ($3 >= 0 AND $4 >= 0 AND $3 < s.generation
          AND $3 >= s.generation - 8
          AND $6 < s.rotated_at + interval '10 seconds')) THEN 'refresh_reused' END,
             ended_by = CASE WHEN (NOT ((s.generation = $3 AND $4 >= 0 AND $4 < s.forks) OR ($3 >= s.generation AND $4 >= 0 AND NOT (s.generation = $3 AND $4 >= 0 AND $4 < s.forks)
          AND EXISTS (SELECT FROM auth.restores r WHERE $5 <= r.restored_at))) AND NOT (s.generation - 1 = $3 AND s.used_fork IS NOT DISTINCT FROM $4) AND NOT ($3 >= 0 AND $4 >= 0 AND $3 < s.generation
          AND $3 >= s.generation - 8
          AND $6 < s.rotated_at + interval '10 seconds')) THEN $7 END
           WHERE s.id = $1 AND s.user_id = $2 AND s.revoked_at IS NULL
             AND s.expires_at > $6
           RETURNING s.id, s.user_id, s.generation, s.forks, s.used_fork,
                     s.issued_at, s.rotated_at, s.auth_time,
                     -- of the row as it is now: the token was exchanged for its newest
                     (s.generation - 1 = $3 AND s.used_fork IS NOT DISTINCT FROM $4) AS issued, s.revoked_at IS NOT NULL AS reused),
         reused_session AS (SELECT id, user_id FROM rotated WHERE reused),
         ended_event AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'session.ended', jsonb_build_object('sessionId', id), $6
             FROM reused_session),
         audit_head AS (
           INSERT INTO auth.audit_heads AS h (user_id, seq, head)
           SELECT user_id, 1, sha256(decode(repeat('00', 32), 'hex') || int8send(1)
                    || convert_to($8, 'UTF8'))
             FROM reused_session
           ON CONFLICT (user_id) DO UPDATE
             SET seq = h.seq + 1,
                 head = sha256(h.head || int8send(h.seq + 1) || convert_to($8, 'UTF8'))
           RETURNING user_id, seq, head),
         security_event AS (
           INSERT INTO auth.security_events (user_id, seq, hash, entry, personal, created_at)
           SELECT user_id, seq, head, $8, $9, $6 FROM audit_head),
         audit_event AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'audit',
                  jsonb_build_object('seq', seq, 'hash', encode(head, 'hex'),
                                     'entry', $8, 'personal', $9), $6
             FROM audit_head)
         SELECT generation, forks, used_fork, issued_at, rotated_at, auth_time, issued, reused
           FROM rotated
         UNION ALL
         SELECT generation, forks, used_fork, issued_at, rotated_at, auth_time, false, true
           FROM auth.sessions WHERE id = $1 AND user_id = $2 AND ended_by = $7
