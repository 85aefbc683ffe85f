-- find_device_list
-- $1 user uuid
-- $2 dead_before timestamptz
-- returns device_list_version int8
-- returns device_id uuid
-- returns signal_device_id int2
-- returns registration_id int4
-- returns has_bundle bool
SELECT u.device_list_version, i.device_id, d.signal_device_id, i.registration_id,
                EXISTS (SELECT FROM auth.signed_prekeys s
                         WHERE s.device_id = i.device_id AND s.expires_at > $2)
                  AS has_bundle
           FROM auth.users_auth u
           LEFT JOIN (auth.identity_keys i JOIN auth.devices d ON d.id = i.device_id)
             ON i.user_id = u.id
          WHERE u.id = $1 ORDER BY d.signal_device_id
