-- list_due_second_factor_resets
-- $1 now timestamptz
-- $2 most int8
-- returns user_id uuid
SELECT user_id FROM auth.second_factor_resets WHERE effective_at <= $1
          ORDER BY effective_at LIMIT $2
