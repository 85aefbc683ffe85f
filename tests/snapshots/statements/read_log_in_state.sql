-- read_log_in_state
-- $1 phone text
-- $2 previous_session uuid
-- $3 fingerprint text
-- $4 named_device uuid
-- $5 recovery bytea
-- returns two_factor_enabled bool
-- returns reset_at timestamptz
-- returns has_registration_lock bool
-- returns log_ins_stopped_since timestamptz
-- returns shows_recovery_code bool
-- returns last_active timestamptz
-- returns devices int8
-- returns has_device bool
-- returns has_earlier_token bool
-- returns is_of_this_device bool
SELECT u.two_factor_enabled, (SELECT r.effective_at FROM auth.second_factor_resets r WHERE r.user_id = u.id) AS reset_at,
                u.recovery_code_hash IS NOT NULL AS has_registration_lock,
                u.log_ins_stopped_since,
                coalesce(u.recovery_code_hash = $5, false) AS shows_recovery_code,
                greatest(u.last_authenticated_at, -- an account may have removed its last device
                  (SELECT max(greatest(d.last_active,
                            (SELECT max(rotated_at) FROM auth.sessions WHERE device_id = d.id)))
                     FROM auth.devices d WHERE d.user_id = u.id)) AS last_active,
                (SELECT count(*) FROM auth.devices d WHERE d.user_id = u.id) AS devices,
                EXISTS (SELECT FROM auth.devices d WHERE d.user_id = u.id AND (d.device_fingerprint = $3
               OR d.id = $4 AND NOT EXISTS (
                 SELECT FROM auth.devices o
                  WHERE o.user_id = u.id AND o.device_fingerprint = $3)))
                  AS has_device,
                s.id IS NOT NULL AS has_earlier_token,
                coalesce((SELECT d.id = s.device_id FROM auth.devices d
                  WHERE d.user_id = u.id AND (d.device_fingerprint = $3
               OR d.id = $4 AND NOT EXISTS (
                 SELECT FROM auth.devices o
                  WHERE o.user_id = u.id AND o.device_fingerprint = $3))), false) AS is_of_this_device
           FROM auth.users_auth u
           LEFT JOIN auth.sessions s
             ON s.id = $2 AND s.user_id = u.id AND coalesce(s.revoked_for NOT IN
    ('logout_all', 'refresh_reused', 'device_removed', 'second_factor_changed'), true)
          WHERE u.phone_number = $1
