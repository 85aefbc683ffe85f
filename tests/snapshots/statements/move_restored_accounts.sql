-- move_restored_accounts
-- $1 backup_at timestamptz
-- $2 step int8
-- returns is_open bool
-- returns seen int8
-- returns discarded int8
WITH restore AS MATERIALIZED (
           SELECT backup_at, users_after FROM auth.restores
            WHERE backup_at = $1 AND NOT users_done FOR UPDATE),
         seen AS MATERIALIZED (
           SELECT u.id FROM restore r CROSS JOIN LATERAL (
             SELECT id FROM auth.users_auth WHERE id > r.users_after
              ORDER BY id LIMIT 500 FOR NO KEY UPDATE) u),
         changed AS (
           UPDATE auth.users_auth u
              SET device_list_version = u.device_list_version + 1048576,
                  two_factor_last_step = CASE WHEN u.two_factor_enabled
                    THEN greatest(u.two_factor_last_step, $2) ELSE u.two_factor_last_step END
             FROM seen s WHERE u.id = s.id),
         moved AS (
           UPDATE auth.restores r
              SET users_after = coalesce((SELECT id FROM seen ORDER BY id DESC LIMIT 1), r.users_after),
                  users_done = (SELECT count(*) FROM seen) < 500
             FROM restore b WHERE r.backup_at = b.backup_at)
         SELECT EXISTS (SELECT FROM restore) AS is_open, (SELECT count(*) FROM seen) AS seen,
                0::int8 AS discarded
