-- restore_backup_codes
-- $1 codes jsonb
INSERT INTO auth.backup_codes
         SELECT * FROM jsonb_populate_recordset(NULL::auth.backup_codes, $1)
