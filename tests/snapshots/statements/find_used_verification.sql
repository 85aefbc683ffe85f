-- find_used_verification
-- $1 verification uuid
-- returns used int4
SELECT 1 AS used FROM auth.sessions WHERE verification_id = $1
