-- record_restore
-- $1 backup_at timestamptz
-- $2 now timestamptz
-- returns restored_at timestamptz
INSERT INTO auth.restores AS r (backup_at, restored_at) VALUES ($1, $2)
         ON CONFLICT (backup_at) DO UPDATE SET restored_at = r.restored_at
         RETURNING restored_at
