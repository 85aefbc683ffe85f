-- delete_backup_codes
-- $1 user uuid
DELETE FROM auth.backup_codes WHERE user_id = $1
