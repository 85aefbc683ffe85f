-- Accounts that lose their number, what must not come back after them, and changes that can be undone.

-- Null: the number has a new account. The row is deleted later (auth.released_accounts).
ALTER TABLE auth.users_auth ALTER COLUMN phone_number DROP NOT NULL;

-- Accounts whose number got a new account: until they are deleted, an operator can give one a newly
-- proven number.
CREATE TABLE auth.released_accounts (
  user_id     uuid PRIMARY KEY REFERENCES auth.users_auth (id) ON DELETE CASCADE,
  released_at timestamptz NOT NULL
);
CREATE INDEX released_accounts_by_age ON auth.released_accounts (released_at);

-- Identity keys of accounts that are gone or lost their number, as keyed digests. Nobody publishes
-- one again, but the account itself while it exists.
CREATE TABLE auth.retired_identities (
  digest  bytea PRIMARY KEY CHECK (octet_length(digest) = 32),
  -- Null once the account is deleted.
  user_id uuid REFERENCES auth.users_auth (id) ON DELETE SET NULL
);
CREATE INDEX retired_identities_by_user ON auth.retired_identities (user_id);

-- What an account was before each change of its second factor, lock or number: an older device with
-- the number of then can bring it back for a few days.
CREATE TABLE auth.account_changes (
  -- The call that made the change.
  call               uuid PRIMARY KEY,
  user_id            uuid NOT NULL REFERENCES auth.users_auth (id) ON DELETE CASCADE,
  -- The device that made it, and when it joined: that device may be gone.
  device_id          uuid NOT NULL,
  device_joined_at   timestamptz NOT NULL,
  changed_at         timestamptz NOT NULL,
  -- Under the lock of the account: the order of its changes.
  seq                bigint GENERATED ALWAYS AS IDENTITY,
  -- As in auth.users_auth before the change.
  phone_number       text,
  two_factor_enabled boolean NOT NULL,
  two_factor_secret  bytea,
  recovery_code_hash bytea,
  -- The rows of auth.backup_codes before the change.
  backup_codes       jsonb NOT NULL
);
CREATE INDEX account_changes_by_user ON auth.account_changes (user_id, seq);
CREATE INDEX account_changes_by_age ON auth.account_changes (changed_at);
