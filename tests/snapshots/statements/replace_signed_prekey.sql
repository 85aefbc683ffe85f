-- replace_signed_prekey
-- $1 user uuid
-- $2 device uuid
-- $3 session uuid
-- $4 now timestamptz
-- $5 audit_entry text
-- $6 audit_personal jsonb
-- $7 identity bytea
-- $8 row uuid
-- $9 key_id int4
-- $10 public_key text
-- $11 signature text
-- $12 expires_at timestamptz
-- $13 dead_before timestamptz
-- returns has_session bool
-- returns has_identity bool
-- returns clashes bool
-- returns stored int8
WITH session AS (
           SELECT FROM auth.sessions WHERE id = $3 AND revoked_at IS NULL),
         found AS (
           SELECT user_id, device_id, id AS identity_id FROM auth.identity_keys
            WHERE device_id = $2 AND user_id = $1 AND identity = $7
              AND EXISTS (SELECT FROM session)),
         returned AS ( -- the device was in nobody's list without a signed prekey
           SELECT user_id FROM found WHERE NOT EXISTS (
             SELECT FROM auth.signed_prekeys
              WHERE device_id = $2 AND expires_at > $13)),
         version AS (
           UPDATE auth.users_auth u SET device_list_version = device_list_version + 1
             FROM returned r WHERE u.id = r.user_id),
         signed AS (
           INSERT INTO auth.signed_prekeys AS k (device_id, id, key_id, public_key, signature,
                  expires_at, created_at)
           SELECT device_id, $8, $9, $10, $11, $12, $4 FROM found
           ON CONFLICT (device_id) DO UPDATE SET id = excluded.id,
             key_id = excluded.key_id, public_key = excluded.public_key,
             signature = excluded.signature, expires_at = excluded.expires_at,
             created_at = excluded.created_at WHERE k.created_at <= excluded.created_at RETURNING k.device_id),
         cause AS (SELECT user_id FROM found WHERE EXISTS (SELECT FROM signed)),
         new_cause AS (
           SELECT c.user_id FROM cause AS c WHERE NOT EXISTS (
             SELECT FROM auth.security_events AS e
              WHERE e.user_id = c.user_id AND e.entry = $5
                AND e.seq > (SELECT h.seq - 20 FROM auth.audit_heads AS h
                              WHERE h.user_id = c.user_id))),
         audit_head AS (
           INSERT INTO auth.audit_heads AS h (user_id, seq, head)
           SELECT user_id, 1, sha256(decode(repeat('00', 32), 'hex') || int8send(1)
                    || convert_to($5, 'UTF8'))
             FROM new_cause
           ON CONFLICT (user_id) DO UPDATE
             SET seq = h.seq + 1,
                 head = sha256(h.head || int8send(h.seq + 1) || convert_to($5, 'UTF8'))
           RETURNING user_id, seq, head),
         security_event AS (
           INSERT INTO auth.security_events (user_id, seq, hash, entry, personal, created_at)
           SELECT user_id, seq, head, $5, $6, $4 FROM audit_head),
         audit_event AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'audit',
                  jsonb_build_object('seq', seq, 'hash', encode(head, 'hex'),
                                     'entry', $5, 'personal', $6), $4
             FROM audit_head)
         SELECT EXISTS (SELECT FROM session) AS has_session, EXISTS (SELECT FROM found) AS has_identity,
                false AS clashes, 1::int8 AS stored
