-- read_second_factor_state
-- $1 user uuid
-- returns second_factor text
SELECT encode(sha256(convert_to(concat_ws(' ', u.two_factor_enabled, encode(u.two_factor_secret, 'hex'),
            (SELECT min(b.id::text) FROM auth.backup_codes b WHERE b.user_id = u.id)), 'UTF8')), 'hex') AS second_factor FROM auth.users_auth u WHERE u.id = $1
