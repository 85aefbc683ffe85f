-- list_heads
-- $1 after uuid
-- returns user_id uuid
-- returns seq int8
-- returns head bytea
SELECT user_id, seq, head FROM auth.audit_heads
          WHERE user_id > $1 ORDER BY user_id LIMIT 5000
