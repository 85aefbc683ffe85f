-- list_public_keys
-- $1 user uuid
-- returns device_id uuid
-- returns signal_device_id int2
-- returns registration_id int4
-- returns identity_key text
-- returns signed_prekey text
-- returns last_resort text
-- returns unused_prekeys int8
-- returns unused_kyber_prekeys int8
SELECT i.device_id, d.signal_device_id, i.registration_id, i.public_key AS identity_key,
                s.public_key AS signed_prekey,
                translate(encode(l.public_key, 'base64'), E'
', '') AS last_resort,
                coalesce((SELECT p.count - p.next FROM auth.prekey_pages p
                        WHERE p.user_id = i.user_id AND p.device_id = i.device_id
                          AND p.kind = 1 AND p.identity_id = i.id), 0)::int8 AS unused_prekeys, coalesce((SELECT p.count - p.next FROM auth.prekey_pages p
                        WHERE p.user_id = i.user_id AND p.device_id = i.device_id
                          AND p.kind = 2 AND p.identity_id = i.id), 0)::int8 AS unused_kyber_prekeys
           FROM auth.identity_keys i
           JOIN auth.devices d ON d.id = i.device_id
           LEFT JOIN auth.signed_prekeys s ON s.device_id = i.device_id
           LEFT JOIN auth.kyber_last_resort_prekeys l ON l.device_id = i.device_id
          WHERE i.user_id = $1 ORDER BY i.device_id
