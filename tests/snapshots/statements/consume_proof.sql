-- consume_proof
-- $1 user uuid
-- $2 device uuid
-- $3 device_joined_at timestamptz
-- $4 is_undoable bool
-- $5 verification uuid
-- $6 call uuid
-- $7 now timestamptz
-- returns consumed int4
WITH consumed AS (
           INSERT INTO auth.used_verifications AS v (verification_id, used_by, used_at)
           SELECT $5, $6, $7 WHERE $5 IS NOT NULL
           ON CONFLICT (verification_id) DO UPDATE SET used_by = excluded.used_by
            WHERE v.used_by = excluded.used_by
           RETURNING verification_id),
         remembered AS (
           INSERT INTO auth.account_changes (call, user_id, device_id, device_joined_at, changed_at,
                  phone_number, two_factor_enabled, two_factor_secret, recovery_code_hash,
                  backup_codes)
           SELECT $6, u.id, $2, $3, $7, u.phone_number,
                  u.two_factor_enabled, u.two_factor_secret, u.recovery_code_hash,
                  coalesce((SELECT jsonb_agg(to_jsonb(b)) FROM auth.backup_codes b
                             WHERE b.user_id = u.id), '[]')
             FROM auth.users_auth u
            WHERE u.id = $1 AND $4
              AND (SELECT count(*) FROM auth.account_changes c
                    WHERE c.user_id = $1 AND c.device_id = $2) < 20)
         UPDATE auth.users_auth
            SET last_change_call = $6, updated_at = $7,
                log_ins_stopped_since =
                  CASE WHEN $5 IS NULL THEN log_ins_stopped_since END
          WHERE id = $1 AND ($5 IS NULL OR EXISTS (SELECT FROM consumed))
         RETURNING 1 AS consumed
