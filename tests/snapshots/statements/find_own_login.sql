-- find_own_login
-- $1 verification uuid
-- $2 session uuid
-- returns user_id uuid
-- returns device_id uuid
-- returns installation text
-- returns signal_device_id int2
-- returns ended _uuid
SELECT s.user_id, s.device_id, d.device_fingerprint AS installation,
                CASE WHEN EXISTS (SELECT FROM auth.identity_keys i WHERE i.device_id = d.id)
                THEN d.signal_device_id END AS signal_device_id,
                array(SELECT e.id FROM auth.sessions e
                       WHERE e.device_id = s.device_id AND e.ended_by = s.id) AS ended
           FROM auth.used_verifications v
           LEFT JOIN auth.sessions s ON s.id = v.used_by AND s.id = $2
           LEFT JOIN auth.devices d ON d.id = s.device_id
          WHERE v.verification_id = $1
