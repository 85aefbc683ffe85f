-- find_second_factor_by_phone
-- $1 phone text
-- returns id uuid
-- returns phone_number text
-- returns two_factor_enabled bool
-- returns two_factor_secret bytea
-- returns two_factor_last_step int8
-- returns two_factor_pending_secret bytea
-- returns two_factor_pending_session uuid
-- returns two_factor_pending_at timestamptz
-- returns recovery_code_hash bytea
-- returns reset_at timestamptz
-- returns code uuid
-- returns selector int2
-- returns code_hash text
-- returns pepper text
-- returns used bool
SELECT u.id, u.phone_number, u.two_factor_enabled, u.two_factor_secret,
                u.two_factor_last_step, u.two_factor_pending_secret, u.two_factor_pending_session,
                u.two_factor_pending_at, u.recovery_code_hash, (SELECT r.effective_at FROM auth.second_factor_resets r WHERE r.user_id = u.id) AS reset_at, b.id AS code, b.selector, b.code_hash, b.pepper, b.used
           FROM auth.users_auth u
           LEFT JOIN auth.backup_codes b ON b.user_id = u.id
          WHERE u.phone_number = $1
