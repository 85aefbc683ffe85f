-- find_key_status
-- $1 device uuid
-- $2 user uuid
-- returns prekeys int4
-- returns kyber_prekeys int4
-- returns all_prekeys int4
-- returns signed_at timestamptz
-- returns signed_prekey_expires_at timestamptz
SELECT coalesce(ec.count - ec.next, 0)::int4 AS prekeys,
                (kyber.count - kyber.next)::int4 AS kyber_prekeys,
                coalesce(ec.count, 0)::int4 AS all_prekeys,
                s.created_at AS signed_at, s.expires_at AS signed_prekey_expires_at
           FROM auth.devices d LEFT JOIN auth.signed_prekeys s ON s.device_id = d.id
           LEFT JOIN auth.prekey_pages ec
             ON ec.user_id = d.user_id AND ec.device_id = d.id AND ec.kind = 1
           LEFT JOIN auth.prekey_pages kyber
             ON kyber.user_id = d.user_id AND kyber.device_id = d.id AND kyber.kind = 2
          WHERE d.id = $1 AND d.user_id = $2
