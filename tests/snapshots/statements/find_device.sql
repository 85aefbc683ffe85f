-- find_device
-- $1 user uuid
-- $2 device uuid
-- $3 now timestamptz
-- returns id uuid
-- returns device_name text
-- returns device_type text
-- returns model text
-- returns os_version text
-- returns app_version text
-- returns created_at timestamptz
-- returns is_verified bool
-- returns last_active timestamptz
-- returns is_active bool
SELECT d.id, d.device_name, d.device_type, d.model, d.os_version,
                d.app_version, d.created_at, d.is_verified,
                greatest(d.last_active,
                  (SELECT max(rotated_at) FROM auth.sessions WHERE device_id = d.id))
                  AS last_active,
                d.is_active AND EXISTS (
                  SELECT FROM auth.sessions s
                   WHERE s.device_id = d.id AND s.revoked_at IS NULL AND s.expires_at > $3)
                  AS is_active FROM auth.devices d WHERE d.id = $2 AND d.user_id = $1
