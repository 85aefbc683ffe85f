-- delete_unused_import
-- $1 user uuid
-- returns is_deleted bool
WITH page AS MATERIALIZED ( -- who takes a key meanwhile is waited for
           SELECT next FROM auth.prekey_pages WHERE user_id = $1
            ORDER BY device_id, kind FOR UPDATE),
         deleted AS (
           DELETE FROM auth.users_auth u
            WHERE u.id = $1 AND NOT EXISTS (SELECT FROM page WHERE next > 0)
              AND NOT EXISTS (SELECT FROM auth.security_events e
                   WHERE e.user_id = u.id AND e.entry::jsonb->>'event' <> 'user_registered')
           RETURNING u.id)
         SELECT EXISTS (SELECT FROM deleted) AS is_deleted
