//! Time and random numbers. Both are handed in: `clippy.toml` bans the system's clock and
//! random sources everywhere else, so that a test can set the time.

use domain::time::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A time as JSON has it (RFC 3339, UTC).
#[must_use]
pub fn date_time(at: Timestamp) -> String {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.millis()) * 1_000_000)
        .ok()
        .and_then(|at| at.format(&Rfc3339).ok())
        .unwrap_or_default()
}

/// The clock of a running service.
#[derive(Clone, Debug)]
pub enum Clock {
    System,
    /// Stands still until a test advances it.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    #[must_use]
    pub fn manual(now: Timestamp) -> Self {
        Self::Manual(Arc::new(AtomicI64::new(now.millis())))
    }

    #[must_use]
    pub fn now(&self) -> Timestamp {
        match self {
            #[expect(clippy::disallowed_methods, reason = "the one place that asks")]
            Self::System => SystemTime::now().into(),
            Self::Manual(millis) => Timestamp::from_millis(millis.load(Ordering::SeqCst)),
        }
    }

    /// Moves a manual clock on; the system's goes by itself.
    pub fn advance(&self, by: Duration) {
        if let Self::Manual(millis) = self {
            let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
            millis.fetch_add(by, Ordering::SeqCst);
        }
    }
}

/// The operating system's random source, through the one cryptography provider.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rng;

impl Rng {
    /// Uniform random bytes.
    ///
    /// # Panics
    /// If the operating system has none to give: nothing safe can be done without.
    #[must_use]
    pub fn bytes<const N: usize>(self) -> [u8; N] {
        let mut bytes = [0; N];
        #[expect(clippy::disallowed_methods, reason = "the one place that asks")]
        aws_lc_rs::rand::fill(&mut bytes).expect("the operating system's random source answers");
        bytes
    }

    #[must_use]
    pub fn next_u32(self) -> u32 {
        u32::from_ne_bytes(self.bytes())
    }

    #[must_use]
    pub fn next_u64(self) -> u64 {
        u64::from_ne_bytes(self.bytes())
    }
}
