-- emit_prekeys_low
-- $1 devices _uuid
-- $2 now timestamptz
-- $3 timestamp int8
-- returns emitted int4
WITH counted AS MATERIALIZED (
           SELECT i.device_id, i.xmin AS version, (SELECT count(*) FROM (
                SELECT FROM auth.prekeys k WHERE k.device_id = i.device_id AND NOT k.is_used
                 LIMIT 20) k) AS prekeys, (SELECT count(*) FROM (
                SELECT FROM auth.kyber_prekeys k WHERE k.device_id = i.device_id AND NOT k.is_used
                 LIMIT 20) k) AS kyber_prekeys
             FROM auth.identity_keys i WHERE i.device_id = ANY ($1)),
         crossed AS MATERIALIZED (
           SELECT c.* FROM counted c CROSS JOIN LATERAL (
             SELECT FROM auth.identity_keys i
              WHERE i.device_id = c.device_id AND i.xmin = c.version
                AND (i.prekeys_ample AND c.prekeys < 20
                     OR i.kyber_prekeys_ample AND c.kyber_prekeys < 20)
                FOR NO KEY UPDATE SKIP LOCKED) l),
         low AS (
           UPDATE auth.identity_keys i SET
             prekeys_ample = i.prekeys_ample AND c.prekeys >= 20,
             kyber_prekeys_ample = i.kyber_prekeys_ample AND c.kyber_prekeys >= 20
             FROM crossed c WHERE i.device_id = c.device_id
           RETURNING i.user_id, i.device_id, c.prekeys, c.kyber_prekeys)
         INSERT INTO auth.outbox (user_id, topic, payload, created_at)
         SELECT user_id, 'prekeys.low', jsonb_build_object('userId', user_id,
                'deviceId', device_id, 'availablePreKeys', prekeys,
                'availableKyberPreKeys', kyber_prekeys, 'timestamp', $3::int8), $2
           FROM low
         RETURNING 1 AS emitted
