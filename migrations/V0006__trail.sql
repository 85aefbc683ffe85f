-- What the relay of the outbox needs: who delivers for whom, what could not be delivered, and which
-- hourly events are entered.

-- While a relay delivers the events of a user, no other does. A user whose first event failed waits.
-- A user without either has no row.
CREATE TABLE auth.relay_leases (
  -- No reference: the news of a deletion outlives the user.
  user_id    uuid PRIMARY KEY,
  -- The run of the relay that holds it. Null while the user waits after a failure.
  claim      uuid,
  -- From when on a relay may take it.
  free_at    timestamptz NOT NULL,
  -- The event that failed last, and how often in a row.
  failed_seq bigint,
  failures   integer NOT NULL DEFAULT 0
);

-- Events that no sink took, moved out of the way of those behind them.
CREATE TABLE auth.dead_letters (
  seq        bigint PRIMARY KEY,
  user_id    uuid NOT NULL,
  topic      text NOT NULL,
  payload    jsonb NOT NULL,
  created_at timestamptz NOT NULL,
  failures   integer NOT NULL,
  reason     text NOT NULL,
  died_at    timestamptz NOT NULL
);
CREATE INDEX dead_letters_by_user ON auth.dead_letters (user_id);
-- A payload may hold what is personal. The deletion has an event of its own.
CREATE FUNCTION auth.delete_dead_letters() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    DELETE FROM auth.dead_letters WHERE user_id = OLD.id;
    RETURN NULL;
  END $$;
CREATE TRIGGER delete_dead_letters AFTER DELETE ON auth.users_auth
  FOR EACH ROW EXECUTE FUNCTION auth.delete_dead_letters();

-- Which counts of an hour are in the trail: each is entered once, however often it is read.
CREATE TABLE auth.hourly_events (
  -- Made from the user, the kind and the hour.
  event_id   uuid PRIMARY KEY,
  user_id    uuid NOT NULL REFERENCES auth.users_auth (id) ON DELETE CASCADE,
  entered_at timestamptz NOT NULL
);
CREATE INDEX hourly_events_by_user ON auth.hourly_events (user_id);
CREATE INDEX hourly_events_by_age ON auth.hourly_events (entered_at);
