-- insert_account
-- $1 user uuid
-- $2 device uuid
-- $3 fingerprint text
-- $4 device_name text
-- $5 device_type text
-- $6 default_device_name text
-- $7 default_device_type text
-- $8 model text
-- $9 os_version text
-- $10 app_version text
-- $11 fcm_token text
-- $12 apns_token text
-- $13 session uuid
-- $14 verification uuid
-- $15 expires_at timestamptz
-- $16 history uuid
-- $17 address text
-- $18 timestamp int8
-- $19 now timestamptz
-- $20 has_keys bool
-- $21 audit_entry text
-- $22 audit_personal jsonb
-- $23 phone text
-- returns user_id uuid
-- returns signal_device_id int2
WITH account AS (
           INSERT INTO auth.users_auth (id, phone_number, last_authenticated_at, created_at, updated_at)
           VALUES ($1, $23, $19, $19, $19)
           ON CONFLICT (phone_number) DO NOTHING
           RETURNING id AS user_id),
         used AS (
           INSERT INTO auth.used_verifications (verification_id, used_by, used_at)
           SELECT $14, $13, $19 FROM account),
         device AS (
           INSERT INTO auth.devices (id, user_id, device_fingerprint, device_name, device_type, model, os_version, app_version, fcm_token, apns_token, is_verified, last_active, created_at, updated_at, signal_device_id, joined, joined_at)
           SELECT $2, user_id, $3, coalesce($4, $6),
                  coalesce($5, $7), $8, $9, $10,
                  $11, $12, true, $19, $19, $19,
                  CASE WHEN $20 THEN 1 END, 'registered', $19
             FROM account),
         session AS (
           INSERT INTO auth.sessions (id, user_id, device_id, auth_time, issued_at, rotated_at, expires_at, created_at)
           SELECT $13, user_id, $2, $19, $19, $19, $15, $19
             FROM account),
         history AS (
           INSERT INTO auth.login_history (id, user_id, device_id, ip_address, status, created_at)
           SELECT $16, user_id, $2, $17, 'success', $19 FROM account),
         registered_event AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'user.registered',
                  jsonb_build_object('userId', user_id, 'phoneNumber', $23,
                                     'timestamp', $18), $19
             FROM account),
         audit_head AS (
           INSERT INTO auth.audit_heads AS h (user_id, seq, head)
           SELECT user_id, 1, sha256(decode(repeat('00', 32), 'hex') || int8send(1)
                    || convert_to($21, 'UTF8'))
             FROM account
           ON CONFLICT (user_id) DO UPDATE
             SET seq = h.seq + 1,
                 head = sha256(h.head || int8send(h.seq + 1) || convert_to($21, 'UTF8'))
           RETURNING user_id, seq, head),
         security_event AS (
           INSERT INTO auth.security_events (user_id, seq, hash, entry, personal, created_at)
           SELECT user_id, seq, head, $21, $22, $19 FROM audit_head),
         audit_event AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'audit',
                  jsonb_build_object('seq', seq, 'hash', encode(head, 'hex'),
                                     'entry', $21, 'personal', $22), $19
             FROM audit_head)
         SELECT user_id, CASE WHEN $20 THEN 1::int2 END AS signal_device_id FROM account
