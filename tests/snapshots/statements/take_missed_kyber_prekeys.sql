-- take_missed_kyber_prekeys
-- $1 devices _uuid
-- $2 identities _uuid
-- returns device_id uuid
-- returns missed bool
-- returns kyber_id int4
-- returns kyber_key bytea
-- returns kyber_signature text
WITH kyber_prekeys_taken AS MATERIALIZED (
               SELECT c.* FROM unnest($1::uuid[], $2::uuid[]) AS t (device_id, identity_id) CROSS JOIN LATERAL (
                 SELECT k.device_id, k.key_hash, k.position, k.key_id, k.public_key, k.signature
                   FROM auth.kyber_prekeys k
                  WHERE k.device_id = t.device_id AND NOT k.is_used
                    AND k.identity_id = t.identity_id
                  ORDER BY k.position LIMIT 1 FOR UPDATE SKIP LOCKED) c),
             kyber_prekeys_used AS (
               UPDATE auth.kyber_prekeys k SET is_used = true, key_id = NULL, public_key = NULL, signature = NULL
                 FROM kyber_prekeys_taken c
                WHERE k.device_id = c.device_id AND k.key_hash = c.key_hash)
         SELECT t.device_id, c.key_id IS NULL AND EXISTS (
               SELECT FROM auth.kyber_prekeys k WHERE k.device_id = t.device_id AND NOT k.is_used
                  AND k.identity_id = t.identity_id) AS missed, c.key_id AS kyber_id, c.public_key AS kyber_key, c.signature AS kyber_signature
           FROM unnest($1::uuid[], $2::uuid[]) AS t (device_id, identity_id)
           LEFT JOIN kyber_prekeys_taken c ON c.device_id = t.device_id
