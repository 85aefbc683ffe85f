-- find_logged_out_sessions
-- $1 user uuid
-- $2 session uuid
-- $3 now timestamptz
-- returns ended _uuid
WITH ended AS (
           SELECT id FROM auth.sessions
            WHERE user_id = $1 AND revoked_for = 'logout_all'
              AND revoked_at > $3 - interval '120 seconds')
         SELECT array(SELECT id FROM ended) AS ended FROM ended WHERE id = $2
