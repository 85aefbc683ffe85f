-- rotate_session
-- $1 session uuid
-- $2 user uuid
-- $3 generation int4
-- $4 fork int4
-- $5 now timestamptz
-- returns auth_time timestamptz
UPDATE auth.sessions AS s SET
           generation = s.generation + 1, forks = 1, used_fork = $4, issued_at = $5,
           rotated_at = $5, expires_at =
             least($5 + interval '2592000 seconds', s.auth_time + interval '7776000 seconds')
         WHERE s.id = $1 AND s.user_id = $2 AND s.generation = $3
           AND $4 >= 0 AND $4 < s.forks AND s.revoked_at IS NULL AND s.expires_at > $5
         RETURNING s.auth_time
