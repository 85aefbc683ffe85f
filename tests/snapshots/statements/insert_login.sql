-- insert_login
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
-- $23 registration_id int4
-- $24 named_device uuid
-- $25 previous_session uuid
-- $26 joined text
-- $27 is_known bool
-- $28 auth_time timestamptz
-- returns user_id uuid
-- returns device_id uuid
-- returns installation text
-- returns signal_device_id int2
-- returns ended _uuid
WITH used AS (
           INSERT INTO auth.used_verifications (verification_id, used_by, used_at)
           VALUES ($14, $13, $19)
           ON CONFLICT DO NOTHING RETURNING 1),
         account AS (SELECT $1 AS user_id FROM used),
         earlier AS MATERIALIZED ( -- the row that the device comes back to, if it has one
           SELECT d.id, d.device_fingerprint, d.is_verified FROM auth.devices d
            WHERE d.user_id = $1 AND (d.device_fingerprint = $3
               OR d.id = $24 AND NOT EXISTS (
                 SELECT FROM auth.devices o
                  WHERE o.user_id = $1 AND o.device_fingerprint = $3))),
         doubted AS ( -- anyone may know the ids of a device: only an earlier token shows that
           SELECT e.id FROM earlier e -- it is the same
            WHERE e.is_verified AND $26 <> 'approved' AND NOT EXISTS (
              SELECT FROM auth.sessions s
               WHERE s.id = $25 AND s.device_id = e.id AND coalesce(s.revoked_for NOT IN
    ('logout_all', 'refresh_reused', 'device_removed', 'second_factor_changed'), true))),
         vouched AS ( -- an older device has let it in
           SELECT e.id FROM earlier e WHERE NOT e.is_verified AND $26 = 'approved'),
         logged_in AS ( -- what was proven before now proves no number anew
           UPDATE auth.users_auth
              SET last_authenticated_at = $19,
                  log_ins_stopped_since =
                    CASE WHEN $28 < $19 THEN log_ins_stopped_since END,
                  device_list_version = device_list_version
                    + CASE WHEN EXISTS (SELECT FROM doubted) OR EXISTS (SELECT FROM vouched)
                      THEN 1 ELSE 0 END
            WHERE id = (SELECT user_id FROM account)),
         ended AS (
           UPDATE auth.sessions AS s
              SET revoked_at = $19, revoked_for = 'replaced', ended_by = $13
             FROM earlier AS e
            WHERE s.device_id = e.id AND s.revoked_at IS NULL AND EXISTS (SELECT FROM used)
           RETURNING s.id, s.user_id),
         numbers AS (
           SELECT greatest(0,
                    (SELECT max(signal_device_id) FROM auth.devices WHERE user_id = $1),
                    (SELECT max(signal_device_id) FROM auth.released_signal_device_ids
                      WHERE user_id = $1)) AS highest),
         number AS ( -- the next, or else the one released longest ago
           SELECT CASE WHEN highest < 127 THEN highest + 1 ELSE (
             SELECT r.signal_device_id FROM auth.released_signal_device_ids r
              WHERE r.user_id = $1 AND r.released_at <= $19 - interval '90 days'
                AND (r.registration_id IS NULL OR r.registration_id <> $23)
                AND NOT EXISTS (SELECT FROM auth.devices o
                     WHERE o.user_id = $1 AND o.signal_device_id = r.signal_device_id)
              ORDER BY r.released_at LIMIT 1) END AS free
             FROM numbers),
         device AS (
           INSERT INTO auth.devices AS d (id, user_id, device_fingerprint, device_name, device_type, model, os_version, app_version, fcm_token, apns_token, is_verified, last_active, created_at, updated_at, signal_device_id, joined, joined_at)
           SELECT $2, $1,
                  coalesce((SELECT device_fingerprint FROM earlier), $3),
                  coalesce($4, $6),
                  coalesce($5, $7), $8, $9, $10,
                  $11, $12,
                  ($26 = 'approved')
                    OR NOT EXISTS (SELECT 1 FROM auth.devices o WHERE o.user_id = $1),
                  $19, $19, $19, CASE WHEN $20 THEN (SELECT free FROM number) END,
                  $26, $19
             FROM used
            WHERE (SELECT count(*) FROM ended) >= 0 -- the old session ends before all else
           ON CONFLICT (user_id, device_fingerprint) DO UPDATE SET
             device_name = coalesce($4, d.device_name),
             device_type = coalesce($5, d.device_type),
             model = coalesce(excluded.model, d.model),
             os_version = coalesce(excluded.os_version, d.os_version),
             app_version = coalesce(excluded.app_version, d.app_version),
             fcm_token = coalesce(excluded.fcm_token, d.fcm_token),
             apns_token = coalesce(excluded.apns_token, d.apns_token),
             is_verified = ($26 = 'approved')
               OR d.is_verified AND NOT EXISTS (SELECT FROM doubted),
             joined = CASE WHEN $27 THEN d.joined ELSE excluded.joined END,
             joined_at = CASE WHEN $27 THEN d.joined_at ELSE excluded.joined_at END,
             is_active = true, last_active = $19, updated_at = $19,
             signal_device_id = coalesce(d.signal_device_id, excluded.signal_device_id)
           RETURNING id, user_id, device_fingerprint, id = $2 AS is_new, signal_device_id),
         session AS (
           INSERT INTO auth.sessions (id, user_id, device_id, auth_time, issued_at, rotated_at, expires_at, created_at)
           SELECT $13, user_id, id, $28, $19, $19, $15, $19
             FROM device),
         history AS (
           INSERT INTO auth.login_history (id, user_id, device_id, ip_address, status, created_at)
           SELECT $16, user_id, id, $17, 'success', $19 FROM device),
         added_event AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'device.added',
                  jsonb_build_object('userId', user_id, 'deviceId', id, 'timestamp', $18),
                  $19
             FROM device WHERE is_new),
         ended_event AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'session.ended', jsonb_build_object('sessionId', id), $19
             FROM ended),
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
         SELECT user_id, id AS device_id, device_fingerprint AS installation,
                CASE WHEN $20
                       OR EXISTS (SELECT FROM auth.identity_keys i WHERE i.device_id = device.id)
                THEN signal_device_id END AS signal_device_id,
                array(SELECT id FROM ended) AS ended
           FROM device
