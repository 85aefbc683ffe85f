-- renew_secrets
-- $1 users _uuid
-- $2 before _bytea
-- $3 renewed _bytea
-- returns renewed int8
WITH renewed AS (
           UPDATE auth.users_auth AS u SET two_factor_secret = n.renewed
             FROM unnest($1::uuid[], $2::bytea[], $3::bytea[])
                  AS n (id, before, renewed)
            WHERE u.id = n.id AND u.two_factor_secret = n.before
           RETURNING u.id)
         SELECT count(*) AS renewed FROM renewed
