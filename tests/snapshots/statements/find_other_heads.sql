-- find_other_heads
-- $1 users _uuid
-- $2 seqs _int8
-- $3 hashes _bytea
-- returns user_id uuid
-- returns seq int8
-- returns is_missing bool
SELECT h.user_id, h.seq, e.hash IS NULL AS is_missing
           FROM unnest($1::uuid[], $2::int8[], $3::bytea[]) AS h (user_id, seq, hash)
           LEFT JOIN auth.security_events AS e ON e.user_id = h.user_id AND e.seq = h.seq
          WHERE e.hash IS DISTINCT FROM h.hash ORDER BY h.user_id
