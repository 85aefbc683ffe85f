-- Accounts $first to $last, as years of use would leave them: a third of the accounts has a second
-- device; each device had two sessions and two log-ins; a tenth of the devices has unused EC
-- keys, a hundredth Kyber keys too.
SET session_replication_role = replica; -- no foreign key is looked up for rows that are right
SET synchronous_commit = off;

CREATE OR REPLACE FUNCTION pg_temp.id(kind int, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
  -- A UUID v7 of the order of n.
  SELECT (lpad(to_hex(1700000000000 + n), 12, '0') || '7' || lpad(to_hex(kind), 3, '0') || '8'
          || substr(md5(kind || ':' || n), 1, 15))::uuid $$;

CREATE TEMP TABLE filled_device ON COMMIT PRESERVE ROWS AS
  SELECT a.n AS account, 2 * a.n + d.d AS n
    FROM generate_series($first::bigint, $last::bigint) AS a (n)
   CROSS JOIN generate_series(0, 1) AS d (d)
   WHERE d.d = 0 OR a.n % 3 = 0;

INSERT INTO auth.users_auth (id, phone_number, last_authenticated_at, created_at, updated_at,
                             device_list_version)
SELECT pg_temp.id(1, n), '+447' || lpad(n::text, 9, '0'), now(), now(), now(), 2
  FROM generate_series($first::bigint, $last::bigint) AS a (n);

INSERT INTO auth.devices (id, user_id, device_fingerprint, device_name, device_type, model,
                          os_version, app_version, is_verified, last_active, created_at, updated_at,
                          signal_device_id)
SELECT pg_temp.id(2, n), pg_temp.id(1, account), md5('fingerprint' || n), 'Pixel 9', 'android',
       'Pixel 9', '16', '5.1.0', true, now(), now(), now(), 1 + n % 2
  FROM filled_device;

INSERT INTO auth.sessions (id, user_id, device_id, auth_time, generation, forks, used_fork,
                           issued_at, rotated_at, expires_at, revoked_at, revoked_for, created_at)
SELECT pg_temp.id(3, 2 * n + s), pg_temp.id(1, account), pg_temp.id(2, n), now(), 40, 1, 0, now(),
       now(), now() + interval '30 days', CASE s WHEN 0 THEN now() END,
       CASE s WHEN 0 THEN 'replaced' END, now()
  FROM filled_device CROSS JOIN generate_series(0, 1) AS s;

INSERT INTO auth.login_history (id, user_id, device_id, ip_address, status, created_at)
SELECT pg_temp.id(4, 2 * n + s), pg_temp.id(1, account), pg_temp.id(2, n), '203.0.113.7', 'success',
       now() - s * interval '1 month'
  FROM filled_device CROSS JOIN generate_series(0, 1) AS s;

INSERT INTO auth.identity_keys (device_id, id, user_id, public_key, identity, registration_id,
                                created_at, updated_at)
SELECT pg_temp.id(2, n), pg_temp.id(5, n), pg_temp.id(1, account),
       encode('\x05' || sha256(int8send(n)), 'base64'), '\x05' || sha256(int8send(n)),
       1 + n % 16000, now(), now()
  FROM filled_device;

INSERT INTO auth.signed_prekeys (device_id, id, key_id, public_key, signature, expires_at,
                                 created_at)
SELECT pg_temp.id(2, n), pg_temp.id(6, n), 1, encode('\x05' || sha256(int8send(-n)), 'base64'),
       translate(encode(sha512(int8send(n)), 'base64'), E'\n', ''), now() + interval '5 days', now()
  FROM filled_device;

INSERT INTO auth.kyber_last_resort_prekeys (device_id, id, key_id, key_hash, public_key, signature,
                                            created_at)
SELECT pg_temp.id(2, n), pg_temp.id(7, n), 1, substring(sha256(int8send(n)) FOR 16),
       substring(decode(repeat(md5(n::text), 99), 'hex') FOR 1569),
       translate(encode(sha512(int8send(n)), 'base64'), E'\n', ''), now()
  FROM filled_device WHERE (hashint8(n) & 2147483647) % 100 = 0;

INSERT INTO auth.prekey_pages (user_id, device_id, kind, identity_id, next, count, width,
                               arrived_at, hashes, keys)
SELECT pg_temp.id(1, account), pg_temp.id(2, n), k.kind, pg_temp.id(5, n), 30, 100, k.width, now(),
       substring(decode(repeat(md5(n::text), 100), 'hex') FOR 1600),
       substring(decode(repeat(md5(n::text), 100 * k.width / 16 + 1), 'hex') FOR 100 * k.width)
  FROM filled_device
  JOIN (VALUES (1, 38, 10), (2, 1638, 100)) AS k (kind, width, one_of) ON (hashint8(n) & 2147483647) % k.one_of = 0;

INSERT INTO auth.used_prekeys (user_id, kind, key_hash)
SELECT pg_temp.id(1, n), 1, substring(sha256(int8send(4 * n + k)) FOR 16)
  FROM generate_series($first::bigint, $last::bigint) AS a (n) CROSS JOIN generate_series(0, 3) AS k;

INSERT INTO auth.audit_heads (user_id, seq, head)
SELECT pg_temp.id(1, n), 5, sha256(int8send(n))
  FROM generate_series($first::bigint, $last::bigint) AS a (n);

INSERT INTO auth.outbox (user_id, topic, payload, created_at, delivered_at)
SELECT pg_temp.id(1, n), 'audit', jsonb_build_object('seq', 5, 'hash', md5(n::text),
         'entry', repeat(md5(n::text), 6), 'personal', jsonb_build_object('address', '203.0.113.7')),
       now(), now()
  FROM generate_series($first::bigint, $last::bigint) AS a (n) WHERE n % 10 = 0;

DROP TABLE filled_device;
RESET session_replication_role;
