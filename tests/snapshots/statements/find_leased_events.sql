-- find_leased_events
-- $1 claim uuid
-- returns seq int8
-- returns user_id uuid
-- returns topic text
-- returns payload jsonb
-- returns created_at timestamptz
-- returns failures int4
SELECT o.seq, o.user_id, o.topic, o.payload, o.created_at,
                CASE WHEN l.failed_seq = o.seq THEN l.failures ELSE 0 END AS failures
           FROM auth.relay_leases AS l
           JOIN auth.outbox AS o ON o.user_id = l.user_id AND o.delivered_at IS NULL
          WHERE l.claim = $1 ORDER BY o.seq LIMIT 1000
