-- list_security_events
-- $1 user uuid
-- $2 before int8
-- $3 most int8
-- returns seq int8
-- returns entry text
-- returns address text
SELECT seq, entry, personal->'address'->>'value' AS address
           FROM auth.security_events
          WHERE user_id = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3
