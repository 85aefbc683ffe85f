//! `outbox` and `audit_heads`: the fragments with which a statement tells what it did,
//! in the same transaction.

/// Moves the user's audit head and queues the entry. `cause` is a CTE with one
/// `user_id` row for each user whose chain moves (at most one each, or none: then
/// nothing is recorded); the others are the numbers of the parameters.
pub(super) fn audit(cause: &str, entry: usize, personal: usize, now: usize) -> String {
    format!(
        "audit_head AS (
           INSERT INTO auth.audit_heads AS h (user_id, seq, head)
           SELECT user_id, 1, sha256(decode(repeat('00', 32), 'hex') || int8send(1) || convert_to(${entry}, 'UTF8'))
             FROM {cause}
           ON CONFLICT (user_id) DO UPDATE
             SET seq = h.seq + 1,
                 head = sha256(h.head || int8send(h.seq + 1) || convert_to(${entry}, 'UTF8'))
           RETURNING user_id, seq, head),
         audit_entry AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'audit',
                  jsonb_build_object('seq', seq, 'hash', encode(head, 'hex'), 'entry', ${entry},
                                     'personal', ${personal}), ${now}
             FROM audit_head)"
    )
}

/// Queues `session.ended` for each row of the CTE `ended (id, user_id)`: the relay
/// repeats the tombstone should Redis have missed it.
pub(super) fn sessions_ended(ended: &str, now: usize) -> String {
    format!(
        "ended_news AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'session.ended', jsonb_build_object('sessionId', id), ${now} FROM {ended})"
    )
}
