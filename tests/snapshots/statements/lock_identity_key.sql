-- lock_identity_key
-- $1 device uuid
-- $2 user uuid
SELECT FROM auth.identity_keys
          WHERE device_id = $1 AND user_id = $2 FOR NO KEY UPDATE
