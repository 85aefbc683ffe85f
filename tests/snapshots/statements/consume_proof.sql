-- consume_proof
-- $1 user uuid
-- $2 verification uuid
-- $3 call uuid
-- $4 now timestamptz
-- returns consumed int4
WITH consumed AS (
           INSERT INTO auth.used_verifications AS v (verification_id, used_by, used_at)
           SELECT $2, $3, $4 WHERE $2 IS NOT NULL
           ON CONFLICT (verification_id) DO UPDATE SET used_by = excluded.used_by
            WHERE v.used_by = excluded.used_by
           RETURNING verification_id)
         UPDATE auth.users_auth SET last_change_call = $3, updated_at = $4
          WHERE id = $1 AND ($2 IS NULL OR EXISTS (SELECT FROM consumed))
         RETURNING 1 AS consumed
