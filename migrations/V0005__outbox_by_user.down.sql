-- no-transaction
DROP INDEX CONCURRENTLY IF EXISTS auth.outbox_by_user;
