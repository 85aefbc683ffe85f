-- count_keys
-- $1 low int8
-- returns prekeys int8
-- returns kyber_prekeys int8
-- returns devices int8
-- returns devices_low int8
-- returns devices_empty int8
SELECT
           (SELECT count(*) FROM auth.prekeys WHERE NOT is_used) AS prekeys,
           (SELECT count(*) FROM auth.kyber_prekeys WHERE NOT is_used) AS kyber_prekeys,
           count(*) AS devices, count(*) FILTER (WHERE unused < $1) AS devices_low,
           count(*) FILTER (WHERE unused = 0) AS devices_empty
         FROM (SELECT (SELECT count(*) FROM (
                 SELECT FROM auth.prekeys k WHERE k.device_id = i.device_id AND NOT k.is_used
                  LIMIT $1) k) AS unused
                 FROM auth.identity_keys i) AS devices
