-- take_missed_prekeys
-- $1 devices _uuid
-- $2 identities _uuid
-- returns device_id uuid
-- returns missed bool
-- returns prekey_id int4
-- returns prekey text
WITH prekeys_taken AS MATERIALIZED (
               SELECT c.* FROM unnest($1::uuid[], $2::uuid[]) AS t (device_id, identity_id) CROSS JOIN LATERAL (
                 SELECT k.device_id, k.key_hash, k.position, k.key_id, k.public_key
                   FROM auth.prekeys k
                  WHERE k.device_id = t.device_id AND NOT k.is_used
                    AND k.identity_id = t.identity_id
                  ORDER BY k.position LIMIT 1 FOR UPDATE SKIP LOCKED) c),
             prekeys_used AS (
               UPDATE auth.prekeys k SET is_used = true, key_id = NULL, public_key = NULL
                 FROM prekeys_taken c
                WHERE k.device_id = c.device_id AND k.key_hash = c.key_hash)
         SELECT t.device_id, c.key_id IS NULL AND EXISTS (
               SELECT FROM auth.prekeys k WHERE k.device_id = t.device_id AND NOT k.is_used
                  AND k.identity_id = t.identity_id) AS missed, c.key_id AS prekey_id, c.public_key AS prekey
           FROM unnest($1::uuid[], $2::uuid[]) AS t (device_id, identity_id)
           LEFT JOIN prekeys_taken c ON c.device_id = t.device_id
