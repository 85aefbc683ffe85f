-- find_fingerprint
-- $1 device uuid
-- returns device_fingerprint text
SELECT device_fingerprint FROM auth.devices WHERE id = $1
