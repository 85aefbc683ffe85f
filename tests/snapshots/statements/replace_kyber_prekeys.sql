-- replace_kyber_prekeys
-- $1 device uuid
-- $2 session uuid
-- $3 identity bytea
-- $4 now timestamptz
-- $5 kyber_rows _uuid
-- $6 kyber_hashes _bytea
-- $7 kyber_ids _int4
-- $8 kyber_keys _bytea
-- $9 kyber_signatures _text
-- returns has_session bool
-- returns has_identity bool
-- returns clashes bool
-- returns stored int8
WITH session AS (
           SELECT FROM auth.sessions WHERE id = $2 AND revoked_at IS NULL),
         found AS (
           SELECT device_id, id, false AS renewed FROM auth.identity_keys
            WHERE device_id = $1 AND ($3::bytea IS NULL OR identity = $3)
              AND EXISTS (SELECT FROM session)),
         clash AS (SELECT FROM auth.kyber_last_resort_prekeys
            WHERE device_id = $1
              AND (key_id = ANY ($7) OR key_hash = ANY ($6))),
         owner AS (SELECT * FROM found WHERE NOT EXISTS (SELECT FROM clash)),
         kyber_prekeys_new AS (
               SELECT o.device_id, o.id AS identity_id, n.*,
                      row_number() OVER (ORDER BY n.place) AS position
                 FROM owner o CROSS JOIN unnest($5::uuid[], $6::bytea[],
                                                $7::int4[], $8::bytea[], $9::text[])
                      WITH ORDINALITY AS n (id, key_hash, key_id, public_key, signature, place)
                WHERE NOT EXISTS (
                  SELECT FROM auth.kyber_prekeys u
                   WHERE u.device_id = o.device_id AND u.key_hash = n.key_hash AND u.is_used)),
             kyber_prekeys_gone AS (
               DELETE FROM auth.kyber_prekeys k USING owner o
                WHERE k.device_id = o.device_id AND NOT k.is_used
                  AND (o.renewed OR cardinality($6::bytea[]) > 0)
                  AND k.key_hash <> ALL ($6::bytea[])),
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
           UPDATE auth.identity_keys i SET kyber_prekeys_uploaded = CASE WHEN (o.renewed OR cardinality($6::bytea[]) > 0) THEN (SELECT count(*) FROM kyber_prekeys_put) ELSE i.kyber_prekeys_uploaded END,
             kyber_prekeys_ample = CASE WHEN (o.renewed OR cardinality($6::bytea[]) > 0) THEN (SELECT count(*) FROM kyber_prekeys_put) >= 20 ELSE i.kyber_prekeys_ample END, updated_at = $4
             FROM owner o WHERE i.device_id = o.device_id)
         SELECT EXISTS (SELECT FROM session) AS has_session, EXISTS (SELECT FROM found) AS has_identity,
                EXISTS (SELECT FROM clash) AS clashes, (SELECT count(*) FROM kyber_prekeys_put) AS stored
