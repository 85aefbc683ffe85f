-- The key directory: each device's public keys, as Signal's X3DH and PQXDH name them. Keys of
-- Curve25519 and all signatures are kept in the text in which they came, to be given back so;
-- Kyber keys, fifty times as long, as bytes.

-- Moves with every change of the list of devices that others encrypt to.
ALTER TABLE auth.users_auth ADD COLUMN device_list_version bigint NOT NULL DEFAULT 0;

ALTER TABLE auth.devices
  -- The device's number in Signal's addresses. Null for a device of the release before.
  ADD COLUMN signal_device_id   smallint CHECK (signal_device_id BETWEEN 1 AND 127),
  -- For a device list that an existing device signs: no release writes them yet.
  ADD COLUMN approved_by        uuid,
  ADD COLUMN approval_signature bytea;
-- Partial, so that Postgres does not take the column for one that others may refer to: a
-- log-in, which writes it, would lock the row against the keys that refer to the device.
CREATE UNIQUE INDEX devices_signal_device_id ON auth.devices (user_id, signal_device_id)
  WHERE signal_device_id IS NOT NULL;

UPDATE auth.devices AS d SET signal_device_id = n.number
  FROM (SELECT id, row_number() OVER (PARTITION BY user_id ORDER BY created_at, id) AS number
          FROM auth.devices) AS n
 WHERE d.id = n.id AND n.number <= 127;

-- Numbers of devices that are gone: who talked to one must not take another device for it.
CREATE TABLE auth.released_signal_device_ids (
  user_id          uuid NOT NULL REFERENCES auth.users_auth (id) ON DELETE CASCADE,
  signal_device_id smallint NOT NULL,
  registration_id  integer,
  released_at      timestamptz NOT NULL,
  PRIMARY KEY (user_id, signal_device_id)
);

-- A device that has one is in the directory. The row is also the lock under which a
-- device's keys are replaced.
CREATE TABLE auth.identity_keys (
  device_id             uuid PRIMARY KEY REFERENCES auth.devices (id) ON DELETE CASCADE,
  -- Another one with every other key.
  id                    uuid NOT NULL,
  user_id               uuid NOT NULL REFERENCES auth.users_auth (id) ON DELETE CASCADE,
  public_key            text NOT NULL,
  -- The same key in its one form: an identity is that of one device of one user.
  identity              bytea NOT NULL CONSTRAINT identity_keys_identity UNIQUE
                        CHECK (octet_length(identity) = 33),
  registration_id       integer CHECK (registration_id BETWEEN 1 AND 16380),
  -- One-time keys that came with the last upload; and whether falling below the low mark
  -- is still to be told: at least as many came, and it was not told since.
  prekeys_uploaded       smallint NOT NULL DEFAULT 0,
  prekeys_ample          boolean NOT NULL DEFAULT false,
  kyber_prekeys_uploaded smallint NOT NULL DEFAULT 0,
  kyber_prekeys_ample    boolean NOT NULL DEFAULT false,
  -- Sealed by the client; this service cannot open it, and no route takes one yet.
  private_key_encrypted bytea,
  created_at            timestamptz NOT NULL,
  updated_at            timestamptz NOT NULL
);
CREATE INDEX identity_keys_by_user ON auth.identity_keys (user_id);

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

-- One-time keys. Handing one out leaves of it the hash alone, which keeps the same key from
-- being handed out again for as long as the device lives: hence the reference to the device,
-- not to its identity.
CREATE TABLE auth.prekeys (
  device_id             uuid NOT NULL REFERENCES auth.devices (id) ON DELETE CASCADE,
  -- The first 16 bytes of the key's SHA-256.
  key_hash              bytea NOT NULL CHECK (octet_length(key_hash) = 16),
  id                    uuid NOT NULL,
  -- The identity key it came under. One under another is never handed out.
  identity_id           uuid NOT NULL,
  -- Its place in the upload: the order in which they are handed out.
  position              smallint NOT NULL,
  key_id                integer CHECK (key_id >= 0),
  public_key            text,
  private_key_encrypted bytea,
  is_one_time           boolean NOT NULL DEFAULT true,
  is_used               boolean NOT NULL DEFAULT false,
  created_at            timestamptz NOT NULL,
  PRIMARY KEY (device_id, key_hash),
  CHECK (is_used = (public_key IS NULL) AND is_used = (key_id IS NULL))
);
CREATE INDEX prekeys_unused ON auth.prekeys (device_id, position) WHERE NOT is_used;

CREATE TABLE auth.kyber_prekeys (
  device_id   uuid NOT NULL REFERENCES auth.devices (id) ON DELETE CASCADE,
  key_hash    bytea NOT NULL CHECK (octet_length(key_hash) = 16),
  id          uuid NOT NULL,
  identity_id uuid NOT NULL,
  position    smallint NOT NULL,
  key_id      integer CHECK (key_id >= 0),
  public_key  bytea CHECK (octet_length(public_key) = 1569),
  signature   text,
  is_one_time boolean NOT NULL DEFAULT true,
  is_used     boolean NOT NULL DEFAULT false,
  created_at  timestamptz NOT NULL,
  PRIMARY KEY (device_id, key_hash),
  CHECK (is_used = (public_key IS NULL) AND is_used = (key_id IS NULL) AND is_used = (signature IS NULL))
);
CREATE INDEX kyber_prekeys_unused ON auth.kyber_prekeys (device_id, position) WHERE NOT is_used;
