-- find_account
-- $1 phone text
-- $2 session uuid
-- returns id uuid
-- returns two_factor_enabled bool
-- returns known_device uuid
SELECT u.id, u.two_factor_enabled, s.device_id AS known_device
           FROM auth.users_auth u
           LEFT JOIN auth.sessions s ON s.id = $2 AND s.user_id = u.id
                AND (s.revoked_for IS NULL OR s.revoked_for IN ('logout', 'replaced'))
          WHERE u.phone_number = $1
