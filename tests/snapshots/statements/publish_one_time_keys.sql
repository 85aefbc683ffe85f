-- publish_one_time_keys
-- $1 user uuid
-- $2 fingerprint text
-- $3 new_identity uuid
-- $4 now timestamptz
-- $5 ec_rows _uuid
-- $6 ec_hashes _bytea
-- $7 ec_ids _int4
-- $8 ec_keys _text
-- $9 kyber_rows _uuid
-- $10 kyber_hashes _bytea
-- $11 kyber_ids _int4
-- $12 kyber_keys _bytea
-- $13 kyber_signatures _text
-- returns clashes bool
WITH owner AS (
           SELECT i.device_id, i.id, i.id = $3 AS renewed
             FROM auth.identity_keys i JOIN auth.devices d ON d.id = i.device_id
            WHERE d.user_id = $1 AND d.device_fingerprint = $2),
         prekeys_new AS (
               SELECT o.device_id, o.id AS identity_id, n.*,
                      row_number() OVER (ORDER BY n.place) AS position
                 FROM owner o CROSS JOIN unnest($5::uuid[], $6::bytea[],
                                                $7::int4[], $8::text[])
                      WITH ORDINALITY AS n (id, key_hash, key_id, public_key, place)
                WHERE NOT EXISTS (
                  SELECT FROM auth.prekeys u
                   WHERE u.device_id = o.device_id AND u.key_hash = n.key_hash AND u.is_used)),
             prekeys_gone AS (
               DELETE FROM auth.prekeys k USING owner o
                WHERE k.device_id = o.device_id AND NOT k.is_used
                  AND (o.renewed OR cardinality($6::bytea[]) > 0)
                  AND k.key_hash <> ALL ($6::bytea[])),
             prekeys_put AS (
               INSERT INTO auth.prekeys AS k
                      (device_id, key_hash, id, identity_id, position, key_id, public_key,
                       created_at)
               SELECT device_id, key_hash, id, identity_id, position, key_id, public_key, $4
                 FROM prekeys_new
               ON CONFLICT (device_id, key_hash) DO UPDATE SET
                 id = excluded.id, identity_id = excluded.identity_id,
                 position = excluded.position, key_id = excluded.key_id, public_key = excluded.public_key,
                 created_at = excluded.created_at
               WHERE NOT k.is_used
               RETURNING 1),
         kyber_prekeys_new AS (
               SELECT o.device_id, o.id AS identity_id, n.*,
                      row_number() OVER (ORDER BY n.place) AS position
                 FROM owner o CROSS JOIN unnest($9::uuid[], $10::bytea[],
                                                $11::int4[], $12::bytea[], $13::text[])
                      WITH ORDINALITY AS n (id, key_hash, key_id, public_key, signature, place)
                WHERE NOT EXISTS (
                  SELECT FROM auth.kyber_prekeys u
                   WHERE u.device_id = o.device_id AND u.key_hash = n.key_hash AND u.is_used)),
             kyber_prekeys_gone AS (
               DELETE FROM auth.kyber_prekeys k USING owner o
                WHERE k.device_id = o.device_id AND NOT k.is_used
                  AND (o.renewed OR cardinality($10::bytea[]) > 0)
                  AND k.key_hash <> ALL ($10::bytea[])),
             kyber_prekeys_put AS (
               INSERT INTO auth.kyber_prekeys AS k
                      (device_id, key_hash, id, identity_id, position, key_id, public_key, signature,
                       created_at)
               SELECT device_id, key_hash, id, identity_id, position, key_id, public_key, signature, $4
                 FROM kyber_prekeys_new
               ON CONFLICT (device_id, key_hash) DO UPDATE SET
                 id = excluded.id, identity_id = excluded.identity_id,
                 position = excluded.position, key_id = excluded.key_id, public_key = excluded.public_key, signature = excluded.signature,
                 created_at = excluded.created_at
               WHERE NOT k.is_used
               RETURNING 1),
         counted AS (
           UPDATE auth.identity_keys i SET prekeys_uploaded = CASE WHEN (o.renewed OR cardinality($6::bytea[]) > 0) THEN (SELECT count(*) FROM prekeys_put) ELSE i.prekeys_uploaded END,
             prekeys_ample = CASE WHEN (o.renewed OR cardinality($6::bytea[]) > 0) THEN (SELECT count(*) FROM prekeys_put) >= 20 ELSE i.prekeys_ample END, kyber_prekeys_uploaded = CASE WHEN (o.renewed OR cardinality($10::bytea[]) > 0) THEN (SELECT count(*) FROM kyber_prekeys_put) ELSE i.kyber_prekeys_uploaded END,
             kyber_prekeys_ample = CASE WHEN (o.renewed OR cardinality($10::bytea[]) > 0) THEN (SELECT count(*) FROM kyber_prekeys_put) >= 20 ELSE i.kyber_prekeys_ample END
             FROM owner o WHERE i.device_id = o.device_id),
         last_resort AS (
           SELECT o.renewed, l.* FROM owner o
             JOIN auth.kyber_last_resort_prekeys l ON l.device_id = o.device_id)
         SELECT EXISTS (
           SELECT FROM last_resort l
            WHERE l.key_id = ANY ($11) OR l.key_hash = ANY ($10)
               OR EXISTS ( -- among those that were handed out, or that stay
                 SELECT FROM auth.kyber_prekeys k
                  WHERE k.device_id = l.device_id AND k.is_one_time
                    AND (k.is_used AND k.key_hash = l.key_hash
                         OR NOT k.is_used AND NOT l.renewed AND cardinality($10) = 0
                            AND (k.key_id = l.key_id OR k.key_hash = l.key_hash)))) AS clashes
