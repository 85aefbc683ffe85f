-- clean_up_keys
-- $1 dead_before timestamptz
-- $2 quiet_since timestamptz
-- $3 devices int8
-- returns devices int8
WITH dead AS (
           SELECT s.device_id FROM auth.signed_prekeys s
             JOIN auth.identity_keys i ON i.device_id = s.device_id
            WHERE s.expires_at <= $1 AND i.updated_at <= $2
            ORDER BY s.expires_at LIMIT $3 FOR UPDATE SKIP LOCKED),
         signed AS (DELETE FROM auth.signed_prekeys s USING dead d WHERE s.device_id = d.device_id),
         prekeys_deleted AS (
               DELETE FROM auth.prekeys k USING dead d
                WHERE k.device_id = d.device_id AND NOT k.is_used),
         kyber_prekeys_deleted AS (
               DELETE FROM auth.kyber_prekeys k USING dead d
                WHERE k.device_id = d.device_id AND NOT k.is_used)
         SELECT count(*) AS devices FROM dead
