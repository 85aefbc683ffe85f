-- find_identity_key
-- $1 device uuid
-- returns public_key text
SELECT public_key FROM auth.identity_keys WHERE device_id = $1
