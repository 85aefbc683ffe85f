-- take_restored_entries
-- $1 user uuid
-- $2 before int8
-- $3 seq int8
-- $4 head bytea
-- $5 seqs _int8
-- $6 hashes _bytea
-- $7 entries _text
-- $8 times _timestamptz
-- returns is_moved bool
WITH moved AS (
           INSERT INTO auth.audit_heads AS h (user_id, seq, head) VALUES ($1, $3, $4)
           ON CONFLICT (user_id) DO UPDATE SET seq = excluded.seq, head = excluded.head
            WHERE h.seq = $2
           RETURNING user_id),
         put AS (
           INSERT INTO auth.security_events (user_id, seq, hash, entry, personal, created_at)
           SELECT m.user_id, e.seq, e.hash, e.entry, NULL, e.created_at
             FROM moved m CROSS JOIN unnest($5::int8[], $6::bytea[], $7::text[],
                    $8::timestamptz[]) AS e (seq, hash, entry, created_at)
           ON CONFLICT (user_id, seq) DO NOTHING)
         SELECT EXISTS (SELECT FROM moved) AS is_moved
