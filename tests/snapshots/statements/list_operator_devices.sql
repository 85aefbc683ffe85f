-- list_operator_devices
-- $1 user uuid
-- $2 now timestamptz
-- returns device_list_version int8
-- returns id uuid
-- returns device_fingerprint text
-- returns device_name text
-- returns device_type text
-- returns model text
-- returns os_version text
-- returns app_version text
-- returns fcm_token text
-- returns apns_token text
-- returns signal_device_id int2
-- returns is_verified bool
-- returns created_at timestamptz
-- returns last_active timestamptz
-- returns is_active bool
SELECT u.device_list_version, d.id, d.device_fingerprint, d.device_name, d.device_type,
                d.model, d.os_version, d.app_version, d.fcm_token, d.apns_token,
                CASE WHEN EXISTS (SELECT FROM auth.identity_keys i WHERE i.device_id = d.id)
                THEN d.signal_device_id END AS signal_device_id,
                d.is_verified, d.created_at,
                greatest(d.last_active,
                  (SELECT max(rotated_at) FROM auth.sessions WHERE device_id = d.id))
                  AS last_active,
                d.is_active AND EXISTS (
                  SELECT FROM auth.sessions s
                   WHERE s.device_id = d.id AND s.revoked_at IS NULL AND s.expires_at > $2)
                  AS is_active
           FROM auth.users_auth u LEFT JOIN auth.devices d ON d.user_id = u.id
          WHERE u.id = $1 ORDER BY last_active DESC, d.id DESC
