-- Restores of this database from a backup. Between the backup and the restore, clients got tokens and
-- keys that no row tells of any more (ADR 43).
CREATE TABLE auth.restores (
  -- To which moment the database went back. It names the restore: a second run finds its row.
  backup_at     timestamptz PRIMARY KEY,
  -- When the first run began. What was issued until then may be of the history that is lost.
  restored_at   timestamptz NOT NULL,
  -- How far the runs have come, in the order of the ids.
  users_after   uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
  users_done    boolean NOT NULL DEFAULT false,
  devices_after uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
  devices_done  boolean NOT NULL DEFAULT false
);
