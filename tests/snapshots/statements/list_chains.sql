-- list_chains
-- $1 after uuid
-- returns user_id uuid
SELECT user_id FROM ((SELECT DISTINCT id AS user_id FROM auth.users_auth
               WHERE id > $1 ORDER BY 1 LIMIT 1000) UNION (SELECT DISTINCT user_id AS user_id FROM auth.audit_heads
               WHERE user_id > $1 ORDER BY 1 LIMIT 1000) UNION (SELECT DISTINCT user_id AS user_id FROM auth.security_events
               WHERE user_id > $1 ORDER BY 1 LIMIT 1000)) AS users
          ORDER BY user_id LIMIT 1000
