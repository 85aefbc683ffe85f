//! `security.notice`: what the user is told of its account, on its devices or by a message to a number.

/// Queues a notice to all devices, for each row of the CTE `cause (user_id)`. Parameters: `now`,
/// `timestamp`.
pub fn notice_to_devices(cause: &str, notice: &str) -> String {
    format!(
        "notice_to_devices AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'security.notice',
                  jsonb_build_object('userId', user_id, 'notice', '{notice}', 'to', 'devices',
                                     'timestamp', :timestamp), :now
             FROM {cause})"
    )
}

/// Queues a notice to the number in each row of the CTE `cause (user_id, phone_number)`.
pub fn notice_to_phone(cause: &str, notice: &str) -> String {
    format!(
        "notice_to_phone AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'security.notice',
                  jsonb_build_object('userId', user_id, 'notice', '{notice}', 'to', 'phone',
                                     'phoneNumber', phone_number, 'timestamp', :timestamp), :now
             FROM {cause})"
    )
}
