-- spend_backup_code
-- $1 user uuid
-- $2 code uuid
-- $3 call uuid
-- returns spent int4
UPDATE auth.backup_codes SET used = true, used_by = $3
          WHERE id = $2 AND user_id = $1 AND (NOT used OR used_by = $3)
         RETURNING 1 AS spent
