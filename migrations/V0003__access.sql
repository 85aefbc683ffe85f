-- What decides who may change an account: how each device joined, the second factor, the
-- registration lock, and what was changed of late.

ALTER TABLE auth.devices
  -- How the device came to the account (domain::access::Joined), and when it did so last. Null in
  -- rows of the release before: created_at tells when, is_verified tells how.
  ADD COLUMN joined    text CHECK (joined IN ('registered', 'sms', 'proven', 'approved')),
  ADD COLUMN joined_at timestamptz;

ALTER TABLE auth.users_auth
  -- The call that last changed what needs a fresh proof: a repeated call finds its own work.
  ADD COLUMN last_change_call           uuid,
  -- The newest time step of a TOTP code that was used (RFC 6238, section 5.2), and the call that
  -- used it: a repeated call finds its own work.
  ADD COLUMN two_factor_last_step       bigint NOT NULL DEFAULT 0,
  ADD COLUMN two_factor_last_call       uuid,
  -- A secret that is not enabled yet, as two_factor_secret. It is shown to one session.
  ADD COLUMN two_factor_pending_secret  bytea,
  ADD COLUMN two_factor_pending_session uuid,
  ADD COLUMN two_factor_pending_at      timestamptz,
  -- Of the registration lock: SHA-256 of a code of 128 random bits.
  ADD COLUMN recovery_code_hash         bytea CHECK (octet_length(recovery_code_hash) = 32),
  -- Since when log-ins are stopped by lock or second factor, without a device that has proven the
  -- number in between.
  ADD COLUMN log_ins_stopped_since      timestamptz;

ALTER TABLE auth.sessions
  -- When this session last showed the second factor.
  ADD COLUMN stepped_up_at timestamptz,
  DROP CONSTRAINT sessions_revoked_for_check,
  ADD CONSTRAINT sessions_revoked_for_check CHECK (revoked_for IN
    ('logout', 'logout_all', 'replaced', 'refresh_reused', 'device_removed',
     'second_factor_changed', 'phone_changed', 'number_released'));

-- A set of ten. `selector` is a keyed digest of 12 bits that finds the row, so that an attempt
-- costs one bcrypt; no two codes of a set share one.
CREATE TABLE auth.backup_codes (
  id         uuid PRIMARY KEY,
  user_id    uuid NOT NULL REFERENCES auth.users_auth (id) ON DELETE CASCADE,
  selector   smallint NOT NULL CHECK (selector BETWEEN 0 AND 4095),
  -- bcrypt over a digest under the pepper with this id.
  code_hash  text NOT NULL,
  pepper     text NOT NULL,
  used       boolean NOT NULL DEFAULT false,
  -- The call that used it.
  used_by    uuid,
  created_at timestamptz NOT NULL,
  UNIQUE (user_id, selector)
);

-- The security events that a user may read: what the outbox tells the sink of them. They outlive
-- the account, without what is personal: the hash covers commitments to it.
CREATE TABLE auth.security_events (
  -- No reference: see above.
  user_id    uuid NOT NULL,
  -- The place in the user's chain, and the head of the chain then (auth.audit_heads).
  seq        bigint NOT NULL,
  hash       bytea NOT NULL CHECK (octet_length(hash) = 32),
  -- The bytes that the hash covers: a JSON object.
  entry      text NOT NULL,
  -- The personal values with their salts. Erased with the account.
  personal   jsonb,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (user_id, seq)
);
CREATE FUNCTION auth.erase_security_events() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    UPDATE auth.security_events SET personal = NULL WHERE user_id = OLD.id;
    RETURN NULL;
  END $$;
CREATE TRIGGER erase_security_events AFTER DELETE ON auth.users_auth
  FOR EACH ROW EXECUTE FUNCTION auth.erase_security_events();
INSERT INTO auth.maintenance_positions (task, after)
VALUES ('renew_secrets', '00000000-0000-0000-0000-000000000000');
