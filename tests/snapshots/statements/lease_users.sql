-- lease_users
-- $1 claim uuid
-- $2 now timestamptz
-- $3 until timestamptz
-- returns users int8
WITH waiting AS MATERIALIZED (
           SELECT o.user_id, o.seq FROM auth.outbox AS o
            WHERE o.delivered_at IS NULL AND NOT EXISTS (
                  SELECT FROM auth.relay_leases AS l
                   WHERE l.user_id = o.user_id AND l.free_at > $2
                     AND l.claim IS DISTINCT FROM $1)
            ORDER BY o.seq LIMIT 1000),
         oldest AS (
           SELECT user_id FROM waiting GROUP BY user_id ORDER BY min(seq) LIMIT 100),
         leased AS (
           INSERT INTO auth.relay_leases AS l (user_id, claim, free_at)
           -- In one order, so that no two relays wait for each other.
           SELECT user_id, $1, $3 FROM oldest ORDER BY user_id
           ON CONFLICT (user_id) DO UPDATE SET claim = excluded.claim, free_at = excluded.free_at
            WHERE l.free_at <= $2 OR l.claim = excluded.claim
           RETURNING user_id)
         SELECT count(*) AS users FROM leased
