-- count_keys
-- $1 low int4
-- returns prekeys int8
-- returns kyber_prekeys int8
-- returns devices int8
-- returns devices_low int8
-- returns devices_empty int8
SELECT coalesce(sum(ec.count - ec.next), 0) AS prekeys,
                (SELECT coalesce(sum(p.count - p.next), 0) FROM auth.prekey_pages p
                  WHERE p.kind = 2) AS kyber_prekeys,
                count(*) AS devices,
                count(*) FILTER (WHERE coalesce(ec.count - ec.next, 0) < $1) AS devices_low,
                count(*) FILTER (WHERE coalesce(ec.count - ec.next, 0) = 0) AS devices_empty
           FROM auth.identity_keys i LEFT JOIN auth.prekey_pages ec
             ON ec.user_id = i.user_id AND ec.device_id = i.device_id AND ec.kind = 1
