-- count_keys
-- $1 low int4
-- returns prekeys int8
-- returns kyber_prekeys int8
-- returns devices int8
-- returns devices_low int8
-- returns devices_empty int8
SELECT coalesce(sum(ec.count - ec.next), 0) AS prekeys,
                coalesce(sum(kyber.count - kyber.next), 0) AS kyber_prekeys,
                count(*) AS devices,
                count(*) FILTER (WHERE coalesce(ec.count - ec.next, 0) < $1
                                    OR kyber.count - kyber.next < $1) AS devices_low,
                count(*) FILTER (WHERE coalesce(ec.count - ec.next, 0) = 0) AS devices_empty
           FROM auth.identity_keys i LEFT JOIN auth.prekey_pages ec
             ON ec.user_id = i.user_id AND ec.device_id = i.device_id AND ec.kind = 1
           LEFT JOIN auth.prekey_pages kyber
             ON kyber.user_id = i.user_id AND kyber.device_id = i.device_id
                AND kyber.kind = 2
