-- take_bundles
-- $1 users _uuid
-- $2 one_time _bool
-- $3 device uuid
-- $4 left_out uuid
-- $5 dead_before timestamptz
-- returns user_id uuid
-- returns device_list_version int8
-- returns device_id uuid
-- returns signal_device_id int2
-- returns registration_id int4
-- returns identity_id uuid
-- returns identity_key text
-- returns signed_id int4
-- returns signed_key text
-- returns signed_signature text
-- returns signed_prekey_expires_at timestamptz
-- returns prekey_id int4
-- returns prekey text
-- returns kyber_id int4
-- returns kyber_key bytea
-- returns kyber_signature text
-- returns last_resort_id int4
-- returns last_resort_key bytea
-- returns last_resort_signature text
-- returns prekey_missed bool
-- returns kyber_missed bool
-- returns is_low bool
WITH target AS MATERIALIZED (
           SELECT i.device_id, i.id AS identity_id, i.user_id, i.registration_id, i.public_key,
                  i.prekeys_ample, i.prekeys_uploaded,
                  i.kyber_prekeys_ample, i.kyber_prekeys_uploaded,
                  s.key_id AS signed_id, s.public_key AS signed_key,
                  s.signature AS signed_signature, s.expires_at,
                  w.one_time AND coalesce(s.expires_at > $5, false) AS may_take,
                  (SELECT u.device_list_version FROM auth.users_auth u WHERE u.id = i.user_id)
                    AS version,
                  (SELECT d.signal_device_id FROM auth.devices d WHERE d.id = i.device_id)
                    AS signal_device_id
             FROM unnest($1::uuid[], $2::bool[]) AS w (user_id, one_time)
             JOIN auth.identity_keys i ON i.user_id = w.user_id
             LEFT JOIN auth.signed_prekeys s ON s.device_id = i.device_id
            WHERE ($3::uuid IS NULL OR i.device_id = $3)
              AND ($4::uuid IS NULL OR i.device_id <> $4)),
         prekeys_taken AS MATERIALIZED (
               SELECT c.* FROM (SELECT device_id, identity_id FROM target WHERE may_take) t CROSS JOIN LATERAL (
                 SELECT k.device_id, k.key_hash, k.position, k.key_id, k.public_key
                   FROM auth.prekeys k
                  WHERE k.device_id = t.device_id AND NOT k.is_used
                    AND k.identity_id = t.identity_id
                  ORDER BY k.position LIMIT 1 FOR UPDATE SKIP LOCKED) c),
             prekeys_used AS (
               UPDATE auth.prekeys k SET is_used = true, key_id = NULL, public_key = NULL
                 FROM prekeys_taken c
                WHERE k.device_id = c.device_id AND k.key_hash = c.key_hash),
         kyber_prekeys_taken AS MATERIALIZED (
               SELECT c.* FROM (SELECT device_id, identity_id FROM target WHERE may_take) t CROSS JOIN LATERAL (
                 SELECT k.device_id, k.key_hash, k.position, k.key_id, k.public_key, k.signature
                   FROM auth.kyber_prekeys k
                  WHERE k.device_id = t.device_id AND NOT k.is_used
                    AND k.identity_id = t.identity_id
                  ORDER BY k.position LIMIT 1 FOR UPDATE SKIP LOCKED) c),
             kyber_prekeys_used AS (
               UPDATE auth.kyber_prekeys k SET is_used = true, key_id = NULL, public_key = NULL, signature = NULL
                 FROM kyber_prekeys_taken c
                WHERE k.device_id = c.device_id AND k.key_hash = c.key_hash)
         SELECT t.user_id, t.version AS device_list_version, t.device_id, t.signal_device_id,
                t.registration_id, t.identity_id, t.public_key AS identity_key,
                t.signed_id, t.signed_key, t.signed_signature, t.expires_at AS signed_prekey_expires_at,
                prekeys.key_id AS prekey_id, prekeys.public_key AS prekey,
                kyber_prekeys.key_id AS kyber_id, kyber_prekeys.public_key AS kyber_key,
                kyber_prekeys.signature AS kyber_signature,
                l.key_id AS last_resort_id, l.public_key AS last_resort_key,
                l.signature AS last_resort_signature,
                t.may_take AND prekeys.key_id IS NULL AND EXISTS (
               SELECT FROM auth.prekeys k WHERE k.device_id = t.device_id AND NOT k.is_used
                  AND k.identity_id = t.identity_id) AS prekey_missed,
                t.may_take AND kyber_prekeys.key_id IS NULL AND EXISTS (
               SELECT FROM auth.kyber_prekeys k WHERE k.device_id = t.device_id AND NOT k.is_used
                  AND k.identity_id = t.identity_id) AS kyber_missed,
                t.may_take AND t.prekeys_ample
               AND t.prekeys_uploaded - coalesce(prekeys.position, t.prekeys_uploaded) < 20 OR t.may_take AND t.kyber_prekeys_ample
               AND t.kyber_prekeys_uploaded - coalesce(kyber_prekeys.position, t.kyber_prekeys_uploaded) < 20 AS is_low
           FROM target t
           LEFT JOIN prekeys_taken prekeys ON prekeys.device_id = t.device_id
           LEFT JOIN kyber_prekeys_taken kyber_prekeys ON kyber_prekeys.device_id = t.device_id
           LEFT JOIN LATERAL (
             SELECT k.key_id, k.public_key, k.signature FROM auth.kyber_last_resort_prekeys k
              WHERE k.device_id = t.device_id AND kyber_prekeys.key_id IS NULL
             OFFSET 0) l ON true
