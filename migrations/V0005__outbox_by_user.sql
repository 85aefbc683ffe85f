-- no-transaction
-- A deletion of an account erases what the outbox tells of it.
CREATE INDEX CONCURRENTLY IF NOT EXISTS outbox_by_user ON auth.outbox (user_id);
