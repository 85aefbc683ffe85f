-- The key directory: each device's public keys, as Signal's X3DH and PQXDH name them. Long-term
-- keys of Curve25519 and their signatures are kept as the client spelled them, Kyber keys as
-- bytes, and one-time keys a page per device and kind.

-- Moves with every change of the list of devices that others encrypt to.
ALTER TABLE auth.users_auth ADD COLUMN device_list_version bigint NOT NULL DEFAULT 0;

ALTER TABLE auth.devices
  -- The device's number in Signal's addresses. Null if none was free.
  ADD COLUMN signal_device_id   smallint CHECK (signal_device_id BETWEEN 1 AND 127),
  -- For a device list that an existing device signs: no release writes them yet.
  ADD COLUMN approved_by        uuid,
  ADD COLUMN approval_signature bytea;
-- Partial, so that Postgres does not take the column for one that others may refer to: a
-- log-in, which writes it, would lock the row against the keys that refer to the device.
CREATE UNIQUE INDEX devices_signal_device_id ON auth.devices (user_id, signal_device_id)
  WHERE signal_device_id IS NOT NULL;

-- Numbers of devices that are gone: who talked to one must not take another device for it.
CREATE TABLE auth.released_signal_device_ids (
  user_id          uuid NOT NULL REFERENCES auth.users_auth (id) ON DELETE CASCADE,
  signal_device_id smallint NOT NULL,
  registration_id  integer,
  released_at      timestamptz NOT NULL,
  PRIMARY KEY (user_id, signal_device_id)
);

-- A device that has one is in the directory.
CREATE TABLE auth.identity_keys (
  device_id             uuid PRIMARY KEY REFERENCES auth.devices (id) ON DELETE CASCADE,
  -- Another one with every other key.
  id                    uuid NOT NULL,
  user_id               uuid NOT NULL REFERENCES auth.users_auth (id) ON DELETE CASCADE,
  public_key            text NOT NULL,
  -- The same key in its one form: an identity is that of one device of one user.
  identity              bytea NOT NULL CONSTRAINT identity_keys_identity UNIQUE
                        CHECK (octet_length(identity) = 33),
  -- Whether the client showed that it has the private half. Clients that cannot show it may be
  -- admitted (LEGACY_CLIENTS); their claim ends when another user shows it.
  proven                boolean NOT NULL DEFAULT false,
  registration_id       integer CHECK (registration_id BETWEEN 1 AND 16380),
  -- Sealed by the client; this service cannot open it, and no route takes one yet.
  private_key_encrypted bytea,
  created_at            timestamptz NOT NULL,
  updated_at            timestamptz NOT NULL,
  -- By user; and what pages refer to.
  CONSTRAINT identity_keys_by_user UNIQUE (user_id, device_id)
);

CREATE TABLE auth.signed_prekeys (
  device_id             uuid PRIMARY KEY REFERENCES auth.identity_keys (device_id) ON DELETE CASCADE,
  id                    uuid NOT NULL,
  key_id                integer NOT NULL CHECK (key_id >= 0),
  public_key            text NOT NULL,
  signature             text NOT NULL,
  private_key_encrypted bytea,
  expires_at            timestamptz NOT NULL,
  created_at            timestamptz NOT NULL
);
CREATE INDEX signed_prekeys_by_expiry ON auth.signed_prekeys (expires_at);

CREATE TABLE auth.kyber_last_resort_prekeys (
  device_id  uuid PRIMARY KEY REFERENCES auth.identity_keys (device_id) ON DELETE CASCADE,
  id         uuid NOT NULL,
  key_id     integer NOT NULL CHECK (key_id >= 0),
  key_hash   bytea NOT NULL CHECK (octet_length(key_hash) = 16),
  public_key bytea NOT NULL CHECK (octet_length(public_key) = 1569),
  signature  text NOT NULL,
  created_at timestamptz NOT NULL
);

-- The one-time keys of one kind of a device, in upload order: kind 1 is Curve25519 (EC), 2 Kyber.
-- The first `next` keys have been handed out. Handing out the next one is an UPDATE of `next`
-- alone. It writes a short row version beside the old one (HOT) and leaves `keys` and `hashes`
-- where they are: out of line and uncompressed, so that a slice is read without the rest.
-- There are no CHECK constraints: Postgres reads the text of each one anew for every UPDATE,
-- which would make a take a quarter more expensive.
CREATE TABLE auth.prekey_pages (
  user_id     uuid NOT NULL REFERENCES auth.users_auth (id) ON DELETE CASCADE,
  device_id   uuid NOT NULL,
  kind        smallint NOT NULL,
  -- The identity key that they came under. Under another one they are never handed out.
  identity_id uuid NOT NULL,
  next        smallint NOT NULL DEFAULT 0,
  count       smallint NOT NULL,
  -- Bytes per key in `keys`.
  width       smallint NOT NULL,
  arrived_at  timestamptz NOT NULL,
  -- Per key 16 bytes, the first half of its SHA-256.
  hashes      bytea NOT NULL,
  -- Per key: the id (4 bytes, big-endian), the spelling of key and signature (1 byte: bit 0
  -- raw, bit 1 padded), the key with its type byte (33 or 1569 bytes), and of Kyber keys the
  -- signature (64 bytes).
  keys        bytea NOT NULL,
  PRIMARY KEY (user_id, device_id, kind),
  -- Without a cascade: a page is deleted by a statement that first writes the hashes of what it
  -- has handed out to used_prekeys. Only the deletion of the account deletes both.
  CONSTRAINT prekey_pages_identity FOREIGN KEY (user_id, device_id)
    REFERENCES auth.identity_keys (user_id, device_id)
) WITH (fillfactor = 70, toast_tuple_target = 128);
ALTER TABLE auth.prekey_pages
  ALTER COLUMN hashes SET STORAGE EXTERNAL,
  ALTER COLUMN keys SET STORAGE EXTERNAL;

-- Which keys of a user are never handed out as one-time keys again, whichever device or
-- identity they come back under. Kinds 1 and 2: handed out, and their page has ended since.
-- Kind 3: uploaded as a Kyber key of last resort. Rows are written under the lock of the
-- account's row. They go with it by a trigger: a foreign key would look the account up once
-- more for each hash, which is half the cost of ending a page.
CREATE TABLE auth.used_prekeys (
  user_id  uuid NOT NULL,
  kind     smallint NOT NULL CHECK (kind IN (1, 2, 3)),
  key_hash bytea NOT NULL CHECK (octet_length(key_hash) = 16),
  PRIMARY KEY (user_id, kind, key_hash)
);
CREATE FUNCTION auth.delete_used_prekeys() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    DELETE FROM auth.used_prekeys WHERE user_id = OLD.id;
    RETURN NULL;
  END $$;
CREATE TRIGGER delete_used_prekeys AFTER DELETE ON auth.users_auth
  FOR EACH ROW EXECUTE FUNCTION auth.delete_used_prekeys();

-- The one-time keys of the pages, one by one. The id is the hash.
CREATE VIEW auth.prekeys AS
  SELECT encode(substring(p.hashes FROM 16 * n.position - 15 FOR 16), 'hex')::uuid AS id,
         p.user_id, p.device_id, n.position, i.key_id, k.public_key,
         NULL::bytea AS private_key_encrypted, true AS is_one_time, n.position <= p.next AS is_used, p.arrived_at AS created_at
    FROM auth.prekey_pages p
   CROSS JOIN LATERAL generate_series(1, p.count::int) AS n (position)
   CROSS JOIN LATERAL (
     SELECT substring(p.keys FROM (n.position - 1) * p.width + 1 FOR p.width) AS entry OFFSET 0) e
   CROSS JOIN LATERAL (
     SELECT ('x' || encode(substring(e.entry FROM 1 FOR 4), 'hex'))::bit(32)::int AS key_id) i
   CROSS JOIN LATERAL (
     SELECT rtrim(encode(substring(e.entry FROM 6 + (get_byte(e.entry, 4) & 1) FOR 33), 'base64'),
                  CASE get_byte(e.entry, 4) & 2 WHEN 0 THEN '=' ELSE '' END) AS public_key) k
   WHERE p.kind = 1;

CREATE VIEW auth.kyber_prekeys AS
  SELECT encode(substring(p.hashes FROM 16 * n.position - 15 FOR 16), 'hex')::uuid AS id,
         p.user_id, p.device_id, n.position, i.key_id,
         translate(encode(substring(e.entry FROM 6 FOR 1569), 'base64'), E'\n', '') AS public_key,
         rtrim(translate(encode(substring(e.entry FROM 1575 FOR 64), 'base64'), E'\n', ''),
               CASE get_byte(e.entry, 4) & 2 WHEN 0 THEN '=' ELSE '' END) AS signature,
         NULL::bytea AS private_key_encrypted, true AS is_one_time,
         n.position <= p.next AS is_used, p.arrived_at AS created_at
    FROM auth.prekey_pages p
   CROSS JOIN LATERAL generate_series(1, p.count::int) AS n (position)
   CROSS JOIN LATERAL (
     SELECT substring(p.keys FROM (n.position - 1) * p.width + 1 FOR p.width) AS entry OFFSET 0) e
   CROSS JOIN LATERAL (
     SELECT ('x' || encode(substring(e.entry FROM 1 FOR 4), 'hex'))::bit(32)::int AS key_id) i
   WHERE p.kind = 2;
