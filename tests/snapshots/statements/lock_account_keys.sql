-- lock_account_keys
-- $1 user uuid
-- $2 device uuid
WITH account AS MATERIALIZED (
           SELECT id FROM auth.users_auth WHERE id = $1 FOR NO KEY UPDATE)
         SELECT FROM account a JOIN auth.identity_keys i ON i.user_id = a.id
          WHERE $2::uuid IS NULL OR i.device_id = $2
          ORDER BY i.device_id FOR UPDATE OF i
