-- Accounts, their devices, sessions and log-ins; the outbox and the heads of the audit
-- chains. Names are schema-qualified throughout: no search_path is ever set.

CREATE SCHEMA IF NOT EXISTS auth;

CREATE TABLE auth.users_auth (
  id                    uuid PRIMARY KEY,
  -- E.164, in the one normal form.
  phone_number          text NOT NULL UNIQUE,
  -- AES-256-GCM, key id in front, user id as associated data.
  two_factor_secret     bytea,
  two_factor_enabled    boolean NOT NULL DEFAULT false,
  last_authenticated_at timestamptz NOT NULL,
  created_at            timestamptz NOT NULL,
  updated_at            timestamptz NOT NULL
);

CREATE TABLE auth.devices (
  id                 uuid PRIMARY KEY,
  user_id            uuid NOT NULL REFERENCES auth.users_auth (id) ON DELETE CASCADE,
  -- The client's own stable id of the device; the same one comes back to the same row.
  device_fingerprint text NOT NULL,
  device_name        text NOT NULL,
  device_type        text NOT NULL CHECK (device_type IN ('ios', 'android', 'web', 'desktop')),
  model              text,
  os_version         text,
  app_version        text,
  fcm_token          text,
  apns_token         text,
  public_key         bytea,
  is_verified        boolean NOT NULL,
  is_active          boolean NOT NULL DEFAULT true,
  last_active        timestamptz NOT NULL,
  created_at         timestamptz NOT NULL,
  updated_at         timestamptz NOT NULL,
  UNIQUE (user_id, device_fingerprint)
);

-- One log-in on one device. The row decides whether its tokens are worth anything.
CREATE TABLE auth.sessions (
  id              uuid PRIMARY KEY,
  user_id         uuid NOT NULL REFERENCES auth.users_auth (id) ON DELETE CASCADE,
  device_id       uuid NOT NULL REFERENCES auth.devices (id) ON DELETE CASCADE,
  auth_time       timestamptz NOT NULL,
  -- Refresh rotation: see domain::session.
  generation      integer NOT NULL DEFAULT 0 CHECK (generation >= 0),
  forks           integer NOT NULL DEFAULT 1 CHECK (forks BETWEEN 1 AND 100),
  used_fork       integer,
  issued_at       timestamptz NOT NULL,
  rotated_at      timestamptz NOT NULL,
  expires_at      timestamptz NOT NULL,
  revoked_at      timestamptz,
  -- The call, or the new session, that ended it: a repeated call finds its own work.
  ended_by        uuid,
  revoked_for     text CHECK (revoked_for IN ('logout', 'logout_all', 'replaced', 'refresh_reused')),
  created_at      timestamptz NOT NULL,
  CHECK ((revoked_at IS NULL) = (revoked_for IS NULL))
-- A refresh writes a new version of the row beside the old one, and into no index.
) WITH (fillfactor = 85);
-- The store itself keeps a device from having two live sessions.
CREATE UNIQUE INDEX sessions_one_live_per_device ON auth.sessions (device_id) WHERE revoked_at IS NULL;
CREATE INDEX sessions_by_user ON auth.sessions (user_id);
CREATE INDEX sessions_by_device ON auth.sessions (device_id);

-- What consumes a verification exactly once, under any concurrency. No reference: deleting an
-- account does not free the verification.
CREATE TABLE auth.used_verifications (
  verification_id uuid PRIMARY KEY,
  -- The session or other result of the call that used it: a repeated call finds its own work.
  used_by         uuid NOT NULL,
  used_at         timestamptz NOT NULL
);
CREATE INDEX used_verifications_by_age ON auth.used_verifications (used_at);

CREATE TABLE auth.login_history (
  id         uuid PRIMARY KEY,
  user_id    uuid NOT NULL REFERENCES auth.users_auth (id) ON DELETE CASCADE,
  device_id  uuid REFERENCES auth.devices (id) ON DELETE SET NULL,
  ip_address text NOT NULL,
  status     text NOT NULL CHECK (status IN ('success', 'failed')),
  created_at timestamptz NOT NULL
);
CREATE INDEX login_history_by_user ON auth.login_history (user_id, created_at DESC);
CREATE INDEX login_history_by_device ON auth.login_history (device_id);
CREATE INDEX login_history_by_age ON auth.login_history (created_at);

-- What other services and the security log must be told: written by the transaction
-- that makes it true, delivered afterwards, at least once, in order per user.
CREATE TABLE auth.outbox (
  seq          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  -- No reference: the news of a deletion outlives the user.
  user_id      uuid NOT NULL,
  topic        text NOT NULL,
  payload      jsonb NOT NULL,
  created_at   timestamptz NOT NULL,
  delivered_at timestamptz
);
CREATE INDEX outbox_undelivered ON auth.outbox (seq) WHERE delivered_at IS NULL;
CREATE INDEX outbox_delivered ON auth.outbox (delivered_at) WHERE delivered_at IS NOT NULL;

-- The newest link of each user's chain of security events.
CREATE TABLE auth.audit_heads (
  user_id uuid PRIMARY KEY,
  seq     bigint NOT NULL,
  head    bytea NOT NULL CHECK (octet_length(head) = 32)
);

-- How far maintenance has come in a table that it walks over in the order of the ids.
CREATE TABLE auth.maintenance_positions (
  task  text PRIMARY KEY,
  after uuid NOT NULL
);
INSERT INTO auth.maintenance_positions (task, after)
VALUES ('delete_old_sessions', '00000000-0000-0000-0000-000000000000');
