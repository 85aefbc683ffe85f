-- update_device
-- $1 user uuid
-- $2 device uuid
-- $3 device_name text
-- $4 fcm_token text
-- $5 apns_token text
-- $6 now timestamptz
UPDATE auth.devices SET
           device_name = coalesce($3, device_name),
           fcm_token = coalesce($4, fcm_token),
           apns_token = coalesce($5, apns_token),
           updated_at = $6
         WHERE id = $2 AND user_id = $1
