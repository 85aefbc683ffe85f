-- find_published_keys
-- $1 device uuid
-- returns identity_key text
-- returns signed_id int4
-- returns signed_key text
-- returns last_resort_id int4
-- returns last_resort_key bytea
SELECT i.public_key AS identity_key, s.key_id AS signed_id, s.public_key AS signed_key,
                k.key_id AS last_resort_id, k.public_key AS last_resort_key
           FROM auth.identity_keys i
           LEFT JOIN auth.signed_prekeys s ON s.device_id = i.device_id
           LEFT JOIN auth.kyber_last_resort_prekeys k ON k.device_id = i.device_id
          WHERE i.device_id = $1
