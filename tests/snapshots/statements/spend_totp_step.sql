-- spend_totp_step
-- $1 user uuid
-- $2 step int8
-- $3 secret bytea
-- $4 call uuid
-- returns spent int4
UPDATE auth.users_auth
            SET two_factor_last_step = $2, two_factor_last_call = $4
          WHERE id = $1 AND two_factor_enabled AND two_factor_secret = $3
            AND (two_factor_last_step < $2
                 OR two_factor_last_step = $2 AND two_factor_last_call = $4)
         RETURNING 1 AS spent
