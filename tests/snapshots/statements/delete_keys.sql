-- delete_keys
-- $1 user uuid
-- $2 device uuid
-- $3 now timestamptz
-- $4 audit_entry text
-- $5 audit_personal jsonb
-- returns has_device bool
WITH gone AS (
           DELETE FROM auth.identity_keys
            WHERE user_id = $1 AND ($2::uuid IS NULL OR device_id = $2)
           RETURNING device_id, user_id),
         prekeys_deleted AS (
               DELETE FROM auth.prekeys k USING gone d
                WHERE k.device_id = d.device_id AND NOT k.is_used),
         kyber_prekeys_deleted AS (
               DELETE FROM auth.kyber_prekeys k USING gone d
                WHERE k.device_id = d.device_id AND NOT k.is_used),
         archived AS (
           INSERT INTO auth.kyber_prekeys AS k (device_id, key_hash, id, identity_id, position,
                  is_one_time, is_used, created_at)
           SELECT l.device_id, l.key_hash, l.id, l.id, 0, false, true, l.created_at
             FROM auth.kyber_last_resort_prekeys l JOIN gone d ON d.device_id = l.device_id
            WHERE l.key_hash IS DISTINCT FROM NULL::bytea
           ON CONFLICT (device_id, key_hash) DO UPDATE SET
             is_used = true, key_id = NULL, public_key = NULL, signature = NULL),
         cause AS (SELECT DISTINCT user_id FROM gone),
         version AS (
           UPDATE auth.users_auth u SET device_list_version = device_list_version + 1
             FROM cause c WHERE u.id = c.user_id),
         audit_head AS (
           INSERT INTO auth.audit_heads AS h (user_id, seq, head)
           SELECT user_id, 1, sha256(decode(repeat('00', 32), 'hex') || int8send(1)
                    || convert_to($4, 'UTF8'))
             FROM cause
           ON CONFLICT (user_id) DO UPDATE
             SET seq = h.seq + 1,
                 head = sha256(h.head || int8send(h.seq + 1) || convert_to($4, 'UTF8'))
           RETURNING user_id, seq, head),
         audit_event AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'audit',
                  jsonb_build_object('seq', seq, 'hash', encode(head, 'hex'),
                                     'entry', $4, 'personal', $5), $3
             FROM audit_head)
         SELECT EXISTS (SELECT FROM auth.devices
                         WHERE user_id = $1 AND ($2::uuid IS NULL OR id = $2))
             AS has_device
