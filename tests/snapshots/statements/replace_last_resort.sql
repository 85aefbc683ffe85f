-- replace_last_resort
-- $1 device uuid
-- $2 session uuid
-- $3 identity bytea
-- $4 now timestamptz
-- $5 row uuid
-- $6 key_id int4
-- $7 key_hash bytea
-- $8 public_key bytea
-- $9 signature text
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
         clash AS (
           SELECT FROM auth.kyber_prekeys
            WHERE device_id = $1 AND is_one_time
              AND (key_hash = $7 OR NOT is_used AND key_id = $6)),
         owner AS (SELECT * FROM found WHERE NOT EXISTS (SELECT FROM clash)),
         archived AS (
           INSERT INTO auth.kyber_prekeys AS k (device_id, key_hash, id, identity_id, position,
                  is_one_time, is_used, created_at)
           SELECT l.device_id, l.key_hash, l.id, l.id, 0, false, true, l.created_at
             FROM auth.kyber_last_resort_prekeys l JOIN owner d ON d.device_id = l.device_id
            WHERE l.key_hash IS DISTINCT FROM $7
           ON CONFLICT (device_id, key_hash) DO UPDATE SET
             is_used = true, key_id = NULL, public_key = NULL, signature = NULL),
         uploader AS (
           UPDATE auth.identity_keys i SET updated_at = $4 FROM found f
            WHERE i.device_id = f.device_id),
         last_resort AS (
           INSERT INTO auth.kyber_last_resort_prekeys (device_id, id, key_id, key_hash,
                  public_key, signature, created_at)
           SELECT device_id, $5, $6, $7, $8, $9, $4 FROM owner
           ON CONFLICT (device_id) DO UPDATE SET id = excluded.id,
             key_id = excluded.key_id, key_hash = excluded.key_hash,
             public_key = excluded.public_key, signature = excluded.signature,
             created_at = excluded.created_at)
         SELECT EXISTS (SELECT FROM session) AS has_session, EXISTS (SELECT FROM found) AS has_identity,
                EXISTS (SELECT FROM clash) AS clashes, 1::int8 AS stored
