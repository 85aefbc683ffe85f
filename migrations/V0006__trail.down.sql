-- Back to an outbox that nothing delivers. What is lost: the events that no sink took.
DROP TABLE auth.hourly_events;
DROP TRIGGER delete_dead_letters ON auth.users_auth;
DROP FUNCTION auth.delete_dead_letters();
DROP TABLE auth.dead_letters, auth.relay_leases;
