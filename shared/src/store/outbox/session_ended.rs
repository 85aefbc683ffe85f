//! `session.ended`: the relay writes the tombstone again, should Redis have missed it.

/// Queues `session.ended` for each row of the CTE `ended (id, user_id)`. Parameter: `now`.
pub fn session_ended(ended: &str) -> String {
    format!(
        "ended_event AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'session.ended', jsonb_build_object('sessionId', id), :now
             FROM {ended})"
    )
}
