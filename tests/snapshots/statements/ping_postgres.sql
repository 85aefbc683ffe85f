-- ping_postgres
-- returns alive int4
SELECT 1 AS alive
