-- What operators and other services change through the function `internal`.

-- Each change by the id that its caller drew: a repeat finds what was done, and gets the same answer.
CREATE TABLE auth.operator_calls (
  request_id     uuid PRIMARY KEY,
  -- No reference: the call that deletes an account outlives it.
  user_id        uuid NOT NULL,
  operation      text NOT NULL,
  -- Of what was asked for: the id is that of one call.
  digest         bytea NOT NULL CHECK (octet_length(digest) = 32),
  -- The answer.
  ended_sessions integer NOT NULL DEFAULT 0,
  effective_at   timestamptz,
  -- The sessions whose tombstones a repeat writes again.
  tombstones     uuid[] NOT NULL DEFAULT '{}',
  called_at      timestamptz NOT NULL
);
CREATE INDEX operator_calls_by_age ON auth.operator_calls (called_at);

-- Second factors that an operator has reset. From `effective_at` on, the second factor of the account
-- counts as disabled, whether it is already deleted or not.
CREATE TABLE auth.second_factor_resets (
  user_id      uuid PRIMARY KEY REFERENCES auth.users_auth (id) ON DELETE CASCADE,
  requested_at timestamptz NOT NULL,
  effective_at timestamptz NOT NULL
);
CREATE INDEX second_factor_resets_by_time ON auth.second_factor_resets (effective_at);
