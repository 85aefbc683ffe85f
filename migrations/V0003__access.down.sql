-- Back to accounts without a second factor. What is lost: backup codes, recovery codes, how devices
-- joined, the security events that users read. Sessions that ended for a reason that is not known any
-- more count as logged out by all.
DROP TRIGGER erase_security_events ON auth.users_auth;
DROP FUNCTION auth.erase_security_events();
DROP TABLE auth.security_events;
DELETE FROM auth.maintenance_positions WHERE task = 'renew_secrets';
DROP TABLE auth.backup_codes;
UPDATE auth.sessions SET revoked_for = 'logout_all'
 WHERE revoked_for IN ('device_removed', 'second_factor_changed', 'phone_changed', 'number_released');
ALTER TABLE auth.sessions
  DROP COLUMN stepped_up_at,
  DROP CONSTRAINT sessions_revoked_for_check,
  ADD CONSTRAINT sessions_revoked_for_check CHECK (revoked_for IN
    ('logout', 'logout_all', 'replaced', 'refresh_reused'));
ALTER TABLE auth.users_auth
  DROP COLUMN last_change_call, DROP COLUMN two_factor_last_step, DROP COLUMN two_factor_last_call,
  DROP COLUMN two_factor_pending_secret, DROP COLUMN two_factor_pending_session,
  DROP COLUMN two_factor_pending_at, DROP COLUMN recovery_code_hash,
  DROP COLUMN log_ins_stopped_since;
ALTER TABLE auth.devices DROP COLUMN joined, DROP COLUMN joined_at;
