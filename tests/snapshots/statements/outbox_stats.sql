-- outbox_stats
-- returns oldest timestamptz
-- returns dead_letters int8
SELECT (SELECT created_at FROM auth.outbox WHERE delivered_at IS NULL
                        ORDER BY seq LIMIT 1) AS oldest,
                      (SELECT count(*) FROM auth.dead_letters) AS dead_letters
