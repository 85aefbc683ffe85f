-- replace_signed_prekey
-- $1 device uuid
-- $2 session uuid
-- $3 identity bytea
-- $4 now timestamptz
-- $5 row uuid
-- $6 key_id int4
-- $7 public_key text
-- $8 signature text
-- $9 expires_at timestamptz
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
         uploader AS (
           UPDATE auth.identity_keys i SET updated_at = $4 FROM found f
            WHERE i.device_id = f.device_id),
         signed AS (
           INSERT INTO auth.signed_prekeys (device_id, id, key_id, public_key, signature,
                  expires_at, created_at)
           SELECT device_id, $5, $6, $7, $8, $9, $4 FROM found
           ON CONFLICT (device_id) DO UPDATE SET id = excluded.id,
             key_id = excluded.key_id, public_key = excluded.public_key,
             signature = excluded.signature, expires_at = excluded.expires_at,
             created_at = excluded.created_at)
         SELECT EXISTS (SELECT FROM session) AS has_session, EXISTS (SELECT FROM found) AS has_identity,
                false AS clashes, 1::int8 AS stored
