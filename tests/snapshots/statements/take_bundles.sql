-- take_bundles
-- $1 users _uuid
-- $2 one_time _bool
-- $3 left_out uuid
-- $4 dead_before timestamptz
-- $5 now timestamptz
-- $6 timestamp int8
-- returns user_id uuid
-- returns device_id uuid
-- returns users int8
-- returns device_list_version int8
-- returns signal_device_id int2
-- returns registration_id int4
-- returns identity_id uuid
-- returns identity_key text
-- returns signed_id int4
-- returns signed_key text
-- returns signed_signature text
-- returns signed_prekey_expires_at timestamptz
-- returns prekey bytea
-- returns kyber_prekey bytea
-- returns last_resort_id int4
-- returns last_resort_key bytea
-- returns last_resort_signature text
-- returns is_missed bool
-- returns is_low bool
WITH target AS MATERIALIZED (
           SELECT i.device_id, i.id AS identity_id, i.user_id, i.registration_id, i.public_key,
                  s.key_id AS signed_id, s.public_key AS signed_key,
                  s.signature AS signed_signature, s.expires_at, w.users,
                  w.one_time AND coalesce(s.expires_at > $4, false) AS may_take
             FROM (SELECT f.user_id, f.one_time, count(*) OVER () AS users
                FROM (SELECT u.user_id, u.one_time, sum(d.devices) OVER (ORDER BY u.place) AS bundles
                        FROM unnest($1::uuid[], $2::bool[]) WITH ORDINALITY
                               AS u (user_id, one_time, place)
                       CROSS JOIN LATERAL (
                         SELECT count(*) AS devices FROM auth.identity_keys k
                          WHERE k.user_id = u.user_id AND k.device_id <> $3) d) f
               WHERE f.bundles <= 1600) w
            CROSS JOIN LATERAL (
              SELECT k.* FROM auth.identity_keys k
               WHERE k.user_id = w.user_id AND k.device_id <> $3 OFFSET 0) i
             LEFT JOIN LATERAL (
               SELECT k.* FROM auth.signed_prekeys k WHERE k.device_id = i.device_id
               OFFSET 0) s ON true),
         page AS MATERIALIZED (
           SELECT p.*
             FROM (SELECT * FROM target WHERE may_take ORDER BY device_id) t
            CROSS JOIN LATERAL (
              SELECT p.user_id, p.device_id, p.kind FROM auth.prekey_pages p
               WHERE p.user_id = t.user_id AND p.device_id = t.device_id
                 AND p.identity_id = t.identity_id AND p.next < p.count
               ORDER BY p.kind FOR NO KEY UPDATE) p),
         taken AS (
           UPDATE auth.prekey_pages p SET next = p.next + 1 FROM page l
            WHERE p.user_id = l.user_id AND p.device_id = l.device_id AND p.kind = l.kind
           RETURNING p.user_id, p.device_id, p.kind, p.count - p.next AS unused,
                     substring(p.keys FROM (p.next - 1) * p.width + 1 FOR p.width) AS key),
         crossed AS ( -- one row per device, also if both kinds cross at once
           SELECT c.user_id, c.device_id FROM taken c
            WHERE c.unused = 20 - 1
              AND (c.kind = 1 OR NOT EXISTS (
                     SELECT FROM taken k WHERE k.device_id = c.device_id AND k.kind = 1
                        AND k.unused = 20 - 1))),
         low_event AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT c.user_id, 'prekeys.low', jsonb_build_object('userId', c.user_id,
                  'deviceId', c.device_id,
                  'availablePreKeys', coalesce(
                    (SELECT unused FROM taken k WHERE k.device_id = c.device_id AND k.kind = 1), 0),
                  'availableKyberPreKeys', coalesce(
                    (SELECT unused FROM taken k WHERE k.device_id = c.device_id AND k.kind = 2), 0),
                  'timestamp', $6::int8), $5
             FROM crossed c)
         SELECT t.user_id, t.device_id, t.users,
                (SELECT u.device_list_version FROM auth.users_auth u WHERE u.id = t.user_id)
                  AS device_list_version,
                (SELECT d.signal_device_id FROM auth.devices d WHERE d.id = t.device_id)
                  AS signal_device_id,
                t.registration_id, t.identity_id, t.public_key AS identity_key,
                t.signed_id, t.signed_key, t.signed_signature,
                t.expires_at AS signed_prekey_expires_at,
                ec.key AS prekey, kyber.key AS kyber_prekey,
                l.key_id AS last_resort_id, l.public_key AS last_resort_key,
                l.signature AS last_resort_signature,
                CASE WHEN t.may_take AND (ec.key IS NULL OR kyber.key IS NULL) THEN EXISTS (
                  SELECT FROM auth.prekey_pages p
                   WHERE p.user_id = t.user_id AND p.device_id = t.device_id
                     AND p.identity_id = t.identity_id AND p.next < p.count
                     AND NOT EXISTS (SELECT FROM taken k WHERE k.device_id = p.device_id
                                                           AND k.kind = p.kind))
                ELSE false END AS is_missed,
                EXISTS (SELECT FROM crossed) AS is_low
           FROM target t
           LEFT JOIN taken ec ON ec.device_id = t.device_id AND ec.kind = 1
           LEFT JOIN taken kyber ON kyber.device_id = t.device_id AND kyber.kind = 2
           LEFT JOIN LATERAL (
             SELECT k.key_id, k.public_key, k.signature FROM auth.kyber_last_resort_prekeys k
              WHERE k.device_id = t.device_id AND kyber.key IS NULL
             OFFSET 0) l ON true
