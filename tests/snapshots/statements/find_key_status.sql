-- find_key_status
-- $1 device uuid
-- $2 user uuid
-- returns prekeys int8
-- returns kyber_prekeys int8
-- returns all_prekeys int8
-- returns signed_at timestamptz
-- returns signed_prekey_expires_at timestamptz
SELECT (SELECT count(*) FROM auth.prekeys WHERE device_id = d.id AND NOT is_used)
                  AS prekeys,
                (SELECT count(*) FROM auth.kyber_prekeys WHERE device_id = d.id AND NOT is_used)
                  AS kyber_prekeys,
                (SELECT count(*) FROM auth.prekeys WHERE device_id = d.id) AS all_prekeys,
                s.created_at AS signed_at, s.expires_at AS signed_prekey_expires_at
           FROM auth.devices d LEFT JOIN auth.signed_prekeys s ON s.device_id = d.id
          WHERE d.id = $1 AND d.user_id = $2
