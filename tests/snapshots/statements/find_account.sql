-- find_account
-- $1 phone text
-- $2 session uuid
-- returns id uuid
-- returns two_factor_enabled bool
-- returns reset_at timestamptz
-- returns known_device uuid
SELECT u.id, coalesce(u.two_factor_enabled, false) AS two_factor_enabled,
                (SELECT r.effective_at FROM auth.second_factor_resets r WHERE r.user_id = u.id) AS reset_at, s.device_id AS known_device
           FROM (SELECT $1 AS phone_number) asked
           LEFT JOIN auth.users_auth u ON u.phone_number = asked.phone_number
           LEFT JOIN auth.sessions s ON s.id = $2 AND s.user_id = u.id
                AND (s.revoked_for IS NULL OR s.revoked_for IN ('logout', 'replaced'))
