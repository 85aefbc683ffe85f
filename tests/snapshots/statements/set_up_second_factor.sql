-- set_up_second_factor
-- $1 user uuid
-- $2 session uuid
-- $3 secret bytea
-- $4 now timestamptz
-- $5 pending_since timestamptz
-- returns secret bytea
UPDATE auth.users_auth
            SET two_factor_pending_secret =
                  CASE WHEN two_factor_pending_session = $2
        AND two_factor_pending_at > $5 AND two_factor_pending_secret IS NOT NULL THEN two_factor_pending_secret ELSE $3 END,
                two_factor_pending_at =
                  CASE WHEN two_factor_pending_session = $2
        AND two_factor_pending_at > $5 AND two_factor_pending_secret IS NOT NULL THEN two_factor_pending_at ELSE $4 END,
                two_factor_pending_session = $2
          WHERE id = $1 AND NOT two_factor_enabled
         RETURNING two_factor_pending_secret AS secret
