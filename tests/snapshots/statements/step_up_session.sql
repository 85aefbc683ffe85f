-- step_up_session
-- $1 user uuid
-- $2 session uuid
-- $3 now timestamptz
-- returns id uuid
UPDATE auth.sessions SET stepped_up_at = $3
          WHERE id = $2 AND user_id = $1 AND revoked_at IS NULL
         RETURNING id
