-- replace_signed_prekey
-- $1 user uuid
-- $2 device uuid
-- $3 session uuid
-- $4 now timestamptz
-- $5 identity bytea
-- $6 row uuid
-- $7 key_id int4
-- $8 public_key text
-- $9 signature text
-- $10 expires_at timestamptz
-- $11 dead_before timestamptz
-- returns has_session bool
-- returns has_identity bool
-- returns clashes bool
-- returns stored int8
WITH session AS (
           SELECT FROM auth.sessions WHERE id = $3 AND revoked_at IS NULL),
         found AS (
           SELECT user_id, device_id, id AS identity_id FROM auth.identity_keys
            WHERE device_id = $2 AND user_id = $1 AND identity = $5
              AND EXISTS (SELECT FROM session)),
         returned AS ( -- the device was in nobody's list without a signed prekey
           SELECT user_id FROM found WHERE NOT EXISTS (
             SELECT FROM auth.signed_prekeys
              WHERE device_id = $2 AND expires_at > $11)),
         version AS (
           UPDATE auth.users_auth u SET device_list_version = device_list_version + 1
             FROM returned r WHERE u.id = r.user_id),
         signed AS (
           INSERT INTO auth.signed_prekeys AS k (device_id, id, key_id, public_key, signature,
                  expires_at, created_at)
           SELECT device_id, $6, $7, $8, $9, $10, $4 FROM found
           ON CONFLICT (device_id) DO UPDATE SET id = excluded.id,
             key_id = excluded.key_id, public_key = excluded.public_key,
             signature = excluded.signature, expires_at = excluded.expires_at,
             created_at = excluded.created_at WHERE k.created_at <= excluded.created_at)
         SELECT EXISTS (SELECT FROM session) AS has_session, EXISTS (SELECT FROM found) AS has_identity,
                false AS clashes, 1::int8 AS stored
