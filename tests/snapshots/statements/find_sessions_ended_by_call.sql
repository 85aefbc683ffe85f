-- find_sessions_ended_by_call
-- $1 user uuid
-- $2 call uuid
-- returns ended _uuid
SELECT array(SELECT id FROM auth.sessions WHERE user_id = $1 AND ended_by = $2) AS ended
