-- count_prepared
-- returns prepared int8
SELECT count(*) AS prepared FROM pg_catalog.pg_prepared_statements
