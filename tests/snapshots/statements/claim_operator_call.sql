-- claim_operator_call
-- $1 request uuid
-- $2 user uuid
-- $3 operation text
-- $4 digest bytea
-- $5 now timestamptz
-- returns claimed int4
INSERT INTO auth.operator_calls (request_id, user_id, operation, digest, called_at)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (request_id) DO NOTHING RETURNING 1 AS claimed
