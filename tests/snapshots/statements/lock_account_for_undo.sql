-- lock_account_for_undo
-- $1 session uuid
-- returns id uuid
-- returns last_change_call uuid
SELECT u.id, u.last_change_call FROM auth.users_auth u
          WHERE u.id = (SELECT s.user_id FROM auth.sessions s JOIN auth.devices d ON d.id = s.device_id
                         WHERE s.id = $1 AND d.is_verified
                           AND coalesce(s.revoked_for NOT IN
                                 ('logout_all', 'refresh_reused', 'device_removed'), true))
            FOR UPDATE
