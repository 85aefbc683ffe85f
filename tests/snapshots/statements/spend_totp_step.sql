-- spend_totp_step
-- $1 user uuid
-- $2 step int8
-- $3 secret bytea
-- $4 renewed bytea
-- $5 call uuid
-- returns spent int4
UPDATE auth.users_auth
            SET two_factor_last_step = $2, two_factor_last_call = $5,
                two_factor_secret = $4
          WHERE id = $1 AND two_factor_enabled AND two_factor_secret IN ($3, $4)
            AND (two_factor_last_step < $2
                 OR two_factor_last_step = $2 AND two_factor_last_call = $5)
         RETURNING 1 AS spent
