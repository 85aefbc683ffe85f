-- take_old_secrets
-- $1 key bytea
-- returns users _uuid
-- returns secrets _bytea
-- returns is_last bool
WITH position AS (
           SELECT task, after FROM auth.maintenance_positions
            WHERE task = 'renew_secrets' FOR UPDATE SKIP LOCKED),
         seen AS MATERIALIZED (
           SELECT u.id, u.two_factor_secret FROM position AS p CROSS JOIN LATERAL (
             SELECT id, two_factor_secret FROM auth.users_auth
              WHERE id > p.after ORDER BY id LIMIT 1000) AS u),
         old AS (
           SELECT id, two_factor_secret AS secret FROM seen
            WHERE substring(two_factor_secret FOR octet_length($1)) <> $1),
         moved AS (
           UPDATE auth.maintenance_positions AS p
              SET after = CASE WHEN (SELECT count(*) FROM seen) = 1000
                    THEN (SELECT id FROM seen ORDER BY id DESC LIMIT 1)
                    ELSE '00000000-0000-0000-0000-000000000000' END
             FROM position WHERE p.task = position.task)
         SELECT array(SELECT id FROM old ORDER BY id) AS users,
                array(SELECT secret FROM old ORDER BY id) AS secrets,
                (SELECT count(*) FROM seen) < 1000 AS is_last
