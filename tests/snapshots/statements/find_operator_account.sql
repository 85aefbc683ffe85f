-- find_operator_account
-- $1 user uuid
-- returns id uuid
-- returns phone_number text
-- returns created_at timestamptz
-- returns last_authenticated_at timestamptz
-- returns two_factor_enabled bool
-- returns reset_at timestamptz
-- returns registration_lock bool
-- returns devices int8
-- returns released_at timestamptz
SELECT u.id, u.phone_number, u.created_at, u.last_authenticated_at, u.two_factor_enabled,
                (SELECT r.effective_at FROM auth.second_factor_resets r WHERE r.user_id = u.id) AS reset_at, u.recovery_code_hash IS NOT NULL AS registration_lock,
                (SELECT count(*) FROM auth.devices d WHERE d.user_id = u.id) AS devices,
                (SELECT r.released_at FROM auth.released_accounts r WHERE r.user_id = u.id)
                  AS released_at
           FROM auth.users_auth u WHERE u.id = $1
