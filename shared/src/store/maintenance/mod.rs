//! Deletes rows that nobody needs any more, a batch at a time. No statement waits for a lock:
//! rows that a request holds are left for a later run. So two runs at once, or a run and a
//! request, never wait for each other in a circle.
//!
//! | file | what it deletes |
//! |---|---|
//! | `sessions` | sessions, long after their last refresh token |
//! | `by_age` | old log-ins, delivered events, used verifications, changes that are too old to undo |
//! | `released` | accounts that lost their number |
//! | `secrets` | nothing: it moves secrets of second factors to the current data key |

pub(super) mod by_age;
pub(super) mod released;
pub(super) mod secrets;
pub(super) mod sessions;

pub use secrets::{OldSecrets, RenewedSecret};
pub use sessions::SessionBatch;

/// Rows per statement: few enough that each takes milliseconds. It stands in the text of the
/// statements, because a plan for any number of rows would read whole tables.
pub const BATCH_ROWS: i64 = 1000;
