//! Audit entries: the user's chain moves by one, and the entry is kept for the user and queued for
//! the sink.

use tokio_postgres::types::Type;

/// Newest entries of a user among which a repeated call looks for its own.
const RECENT: i64 = 20;

/// The parameters of [`audit`] besides `now`.
pub const AUDIT_ENTRY: (&str, Type) = ("audit_entry", Type::TEXT);
pub const AUDIT_PERSONAL: (&str, Type) = ("audit_personal", Type::JSONB);

/// Moves the user's audit head, keeps the entry and queues it. `cause` is a CTE with one `user_id` row
/// for each user whose chain moves: at most one each, or none, and then nothing is recorded.
pub fn audit(cause: &str) -> String {
    format!(
        "audit_head AS (
           INSERT INTO auth.audit_heads AS h (user_id, seq, head)
           SELECT user_id, 1, sha256(decode(repeat('00', 32), 'hex') || int8send(1)
                    || convert_to(:audit_entry, 'UTF8'))
             FROM {cause}
           ON CONFLICT (user_id) DO UPDATE
             SET seq = h.seq + 1,
                 head = sha256(h.head || int8send(h.seq + 1) || convert_to(:audit_entry, 'UTF8'))
           RETURNING user_id, seq, head),
         security_event AS (
           INSERT INTO auth.security_events (user_id, seq, hash, entry, personal, created_at)
           SELECT user_id, seq, head, :audit_entry, :audit_personal, :now FROM audit_head),
         audit_event AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'audit',
                  jsonb_build_object('seq', seq, 'hash', encode(head, 'hex'),
                                     'entry', :audit_entry, 'personal', :audit_personal), :now
             FROM audit_head)"
    )
}

/// The same where a repeated call shows its cause again: it finds the entry of its first try, whose
/// salt no other has. The account is locked before the statement begins.
pub fn audit_once(cause: &str) -> String {
    format!(
        "new_cause AS (
           SELECT c.user_id FROM {cause} AS c WHERE NOT EXISTS (
             SELECT FROM auth.security_events AS e
              WHERE e.user_id = c.user_id AND e.entry = :audit_entry
                AND e.seq > (SELECT h.seq - {RECENT} FROM auth.audit_heads AS h
                              WHERE h.user_id = c.user_id))),
         {audit}",
        audit = audit("new_cause"),
    )
}
