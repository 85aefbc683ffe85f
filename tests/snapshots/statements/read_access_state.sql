-- read_access_state
-- $1 user uuid
-- $2 session uuid
-- $3 target uuid
-- returns phone_number text
-- returns two_factor_enabled bool
-- returns reset_at timestamptz
-- returns last_change_call uuid
-- returns auth_time timestamptz
-- returns stepped_up_at timestamptz
-- returns joined text
-- returns joined_at timestamptz
-- returns other_verified_active timestamptz
-- returns target_joined_at timestamptz
SELECT u.phone_number, u.two_factor_enabled, (SELECT r.effective_at FROM auth.second_factor_resets r WHERE r.user_id = u.id) AS reset_at, u.last_change_call,
                s.auth_time, s.stepped_up_at,
                coalesce(d.joined, CASE WHEN d.is_verified THEN 'registered' ELSE 'sms' END) AS joined,
                coalesce(d.joined_at, d.created_at) AS joined_at,
                (SELECT max(greatest(o.last_active,
                          (SELECT max(rotated_at) FROM auth.sessions WHERE device_id = o.id)))
                   FROM auth.devices o
                  WHERE o.user_id = u.id AND o.id <> d.id AND o.is_verified AND o.is_active)
                  AS other_verified_active,
                coalesce(t.joined_at, t.created_at) AS target_joined_at
           FROM auth.users_auth u
           LEFT JOIN (auth.sessions s JOIN auth.devices d ON d.id = s.device_id)
             ON s.id = $2 AND s.user_id = u.id AND s.revoked_at IS NULL
           LEFT JOIN auth.devices t ON t.id = $3 AND t.user_id = u.id
          WHERE u.id = $1
