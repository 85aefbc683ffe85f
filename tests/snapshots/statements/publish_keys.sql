-- publish_keys
-- $1 user uuid
-- $2 fingerprint text
-- $3 identity bytea
-- $4 identity_key text
-- $5 registration_id int4
-- $6 new_identity uuid
-- $7 now timestamptz
-- $8 signed_row uuid
-- $9 signed_id int4
-- $10 signed_key text
-- $11 signed_signature text
-- $12 signed_prekey_expires_at timestamptz
-- $13 last_resort_row uuid
-- $14 last_resort_id int4
-- $15 last_resort_hash bytea
-- $16 last_resort_key bytea
-- $17 last_resort_signature text
-- $18 audit_entry text
-- $19 audit_personal jsonb
-- returns published int4
WITH device AS (
           SELECT id, id AS device_id, user_id FROM auth.devices
            WHERE user_id = $1 AND device_fingerprint = $2),
         before AS (
           SELECT i.device_id, i.identity, i.registration_id
             FROM auth.identity_keys i JOIN device d ON d.id = i.device_id),
         moved AS ( -- from another device of the same user
           DELETE FROM auth.identity_keys i USING device d
            WHERE i.identity = $3 AND i.user_id = d.user_id AND i.device_id <> d.id
           RETURNING i.device_id),
         prekeys_deleted AS (
               DELETE FROM auth.prekeys k USING moved d
                WHERE k.device_id = d.device_id AND NOT k.is_used),
         kyber_prekeys_deleted AS (
               DELETE FROM auth.kyber_prekeys k USING moved d
                WHERE k.device_id = d.device_id AND NOT k.is_used),
         archived AS (
           INSERT INTO auth.kyber_prekeys AS k (device_id, key_hash, id, identity_id, position,
                  is_one_time, is_used, created_at)
           SELECT l.device_id, l.key_hash, l.id, l.id, 0, false, true, l.created_at
             FROM auth.kyber_last_resort_prekeys l JOIN device d ON d.device_id = l.device_id
            WHERE l.key_hash IS DISTINCT FROM $15
           ON CONFLICT (device_id, key_hash) DO UPDATE SET
             is_used = true, key_id = NULL, public_key = NULL, signature = NULL),
         published AS (
           INSERT INTO auth.identity_keys AS i (device_id, id, user_id, public_key, identity,
                  registration_id, created_at, updated_at)
           SELECT id, $6, user_id, $4, $3, $5, $7, $7
             FROM device
            WHERE (SELECT count(*) FROM moved) >= 0 -- removed from the other device first
           ON CONFLICT (device_id) DO UPDATE SET
             public_key = $4, identity = $3,
             registration_id = coalesce($5, i.registration_id),
             id = CASE WHEN i.identity = $3 THEN i.id ELSE $6 END,
             created_at = CASE WHEN i.identity = $3 THEN i.created_at ELSE $7 END,
             updated_at = $7
           RETURNING device_id, user_id),
         signed AS (
           INSERT INTO auth.signed_prekeys AS s (device_id, id, key_id, public_key, signature,
                  expires_at, created_at)
           SELECT device_id, $8, $9, $10, $11,
                  $12, $7
             FROM published
           ON CONFLICT (device_id) DO UPDATE SET id = excluded.id,
             key_id = excluded.key_id, public_key = excluded.public_key,
             signature = excluded.signature, expires_at = excluded.expires_at,
             created_at = excluded.created_at),
         last_resort AS (
           INSERT INTO auth.kyber_last_resort_prekeys AS k (device_id, id, key_id, key_hash,
                  public_key, signature, created_at)
           SELECT device_id, $13, $14, $15,
                  $16, $17, $7
             FROM published WHERE $14 IS NOT NULL
           ON CONFLICT (device_id) DO UPDATE SET id = excluded.id,
             key_id = excluded.key_id, key_hash = excluded.key_hash,
             public_key = excluded.public_key, signature = excluded.signature,
             created_at = excluded.created_at),
         unsigned AS ( -- of the earlier identity
           DELETE FROM auth.kyber_last_resort_prekeys k USING before b
            WHERE k.device_id = b.device_id AND b.identity <> $3
              AND $14 IS NULL),
         changed AS (
           SELECT p.user_id, b.identity <> $3 OR EXISTS (SELECT FROM moved) AS another
             FROM published p LEFT JOIN before b ON b.device_id = p.device_id
            WHERE b.device_id IS NULL OR b.identity <> $3
               OR $5 <> coalesce(b.registration_id, 0)
               OR EXISTS (SELECT FROM moved)),
         version AS (
           UPDATE auth.users_auth u SET device_list_version = device_list_version + 1
             FROM changed c WHERE u.id = c.user_id),
         cause AS (SELECT user_id FROM changed WHERE another),
         audit_head AS (
           INSERT INTO auth.audit_heads AS h (user_id, seq, head)
           SELECT user_id, 1, sha256(decode(repeat('00', 32), 'hex') || int8send(1)
                    || convert_to($18, 'UTF8'))
             FROM cause
           ON CONFLICT (user_id) DO UPDATE
             SET seq = h.seq + 1,
                 head = sha256(h.head || int8send(h.seq + 1) || convert_to($18, 'UTF8'))
           RETURNING user_id, seq, head),
         audit_event AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'audit',
                  jsonb_build_object('seq', seq, 'hash', encode(head, 'hex'),
                                     'entry', $18, 'personal', $19), $7
             FROM audit_head)
         SELECT 1 AS published FROM published
