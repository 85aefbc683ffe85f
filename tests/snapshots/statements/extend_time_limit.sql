-- extend_time_limit
-- $1 limit text
-- returns statement_timeout text
SELECT set_config('statement_timeout', $1, true) AS statement_timeout
