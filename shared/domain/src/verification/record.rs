//! How long a verification and its codes live, and how many wrong codes it bears.

use std::time::Duration;

/// Wrong codes per verification. After these, no code is compared any more.
pub const MAX_ATTEMPTS: u32 = 5;
/// A verification ends this long after its start. A resend does not prolong it.
pub const RECORD_TTL: Duration = Duration::from_mins(15);
/// A code expires after this (NIST SP 800-63B-4 §3.1.3.2: at most 10 minutes).
pub const CODE_TTL: Duration = Duration::from_mins(10);
/// A confirmed verification can be used for this long.
pub const CONFIRMED_TTL: Duration = Duration::from_mins(5);
/// The waits before the first, the second and every further resend.
pub const RESEND_WAITS: [Duration; 3] =
    [Duration::from_secs(30), Duration::from_mins(1), Duration::from_mins(2)];
