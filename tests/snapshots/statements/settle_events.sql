-- settle_events
-- $1 claim uuid
-- $2 now timestamptz
-- $3 delivered _int8
-- $4 failed_users _uuid
-- $5 failed_seqs _int8
-- $6 failures _int4
-- $7 retry_at _timestamptz
-- $8 dead_seqs _int8
-- $9 dead_failures _int4
-- $10 reasons _text
-- returns settled int4
WITH told AS (
           UPDATE auth.outbox SET delivered_at = $2
            WHERE seq = ANY ($3) AND delivered_at IS NULL),
         failed AS (
           SELECT * FROM unnest($4::uuid[], $5::int8[], $6::int4[],
                                $7::timestamptz[]) AS f (user_id, seq, failures, retry_at)),
         waits AS (
           UPDATE auth.relay_leases AS l
              SET claim = NULL, free_at = f.retry_at, failed_seq = f.seq, failures = f.failures
             FROM failed AS f WHERE l.user_id = f.user_id AND l.claim = $1),
         dead AS (
           SELECT * FROM unnest($8::int8[], $9::int4[], $10::text[])
                         AS d (seq, failures, reason)),
         removed AS (
           DELETE FROM auth.outbox AS o USING dead AS d
            WHERE o.seq = d.seq AND o.delivered_at IS NULL
           RETURNING o.seq, o.user_id, o.topic, o.payload, o.created_at, d.failures, d.reason),
         buried AS (
           INSERT INTO auth.dead_letters
             (seq, user_id, topic, payload, created_at, failures, reason, died_at)
           SELECT seq, user_id, topic, payload, created_at, failures, reason, $2 FROM removed),
         released AS (
           DELETE FROM auth.relay_leases
            WHERE claim = $1 AND user_id NOT IN (SELECT user_id FROM failed))
         SELECT 1 AS settled
