-- Back to an empty database.
DROP TABLE auth.maintenance_positions, auth.audit_heads, auth.outbox, auth.login_history, auth.used_verifications, auth.sessions, auth.devices, auth.users_auth;
DROP SCHEMA auth;
