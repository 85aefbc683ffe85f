-- read_delivery
-- $1 user uuid
-- $2 session uuid
-- $3 verification uuid
-- $4 approver_session uuid
-- $5 approver_device uuid
-- $6 fingerprint text
-- $7 named_device uuid
-- $8 now timestamptz
-- returns second_factor text
-- returns has_approver bool
-- returns is_used bool
-- returns devices int8
-- returns earlier uuid
-- returns device_id uuid
-- returns issued_at timestamptz
-- returns auth_time timestamptz
-- returns installation text
-- returns signal_device_id int2
-- returns ended _uuid
SELECT encode(sha256(convert_to(concat_ws(' ', u.two_factor_enabled, encode(u.two_factor_secret, 'hex'),
            (SELECT min(b.id::text) FROM auth.backup_codes b WHERE b.user_id = u.id)), 'UTF8')), 'hex') AS second_factor,
                EXISTS (SELECT FROM auth.sessions s
                         WHERE s.id = $4 AND s.user_id = u.id
                           AND s.device_id = $5 AND s.expires_at > $8)
                  AS has_approver,
                EXISTS (SELECT FROM auth.used_verifications v
                         WHERE v.verification_id = $3) AS is_used,
                (SELECT count(*) FROM auth.devices d WHERE d.user_id = u.id) AS devices,
                (SELECT d.id FROM auth.devices d WHERE d.user_id = u.id AND (d.device_fingerprint = $6
               OR d.id = $7 AND NOT EXISTS (
                 SELECT FROM auth.devices o
                  WHERE o.user_id = $1 AND o.device_fingerprint = $6))) AS earlier,
                o.device_id, o.issued_at, o.auth_time, od.device_fingerprint AS installation,
                CASE WHEN EXISTS (SELECT FROM auth.identity_keys i WHERE i.device_id = od.id)
                THEN od.signal_device_id END AS signal_device_id,
                array(SELECT e.id FROM auth.sessions e
                       WHERE e.device_id = o.device_id AND e.ended_by = o.id) AS ended
           FROM auth.users_auth u
           LEFT JOIN (auth.sessions o JOIN auth.devices od ON od.id = o.device_id)
             ON o.id = $2 AND o.user_id = u.id AND o.generation = 0 AND o.revoked_at IS NULL
            AND o.expires_at > $8 AND o.created_at > $8 - interval '60 seconds'
          WHERE u.id = $1
