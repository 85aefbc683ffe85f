//! Tokens that were checked a moment ago, by their digests: a client that sends many requests
//! costs one check now and then.

use aws_lc_rs::digest::{SHA256, digest};
use domain::time::Timestamp;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::wire::AuthorizerContext;

/// Entries that are kept: about 2 MB. Only tokens whose signature holds come in.
const MAX_ENTRIES: usize = 10_000;

type Digest = [u8; 32];

/// What was found of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    Alive(AuthorizerContext),
    /// Its session has ended, and never begins again.
    Ended,
}

pub(crate) struct KnownTokens {
    /// How long an entry counts.
    ttl: Duration,
    entries: Mutex<HashMap<Digest, (Known, Timestamp)>>,
}

impl KnownTokens {
    pub(crate) fn new(ttl: Duration) -> Self {
        Self { ttl, entries: Mutex::default() }
    }

    /// What was found of a token, if that was not too long ago.
    pub(crate) fn find(&self, token: &str, now: Timestamp) -> Option<Known> {
        let entries = self.entries();
        entries.get(&digest_of(token)).filter(|(_, until)| now < *until).map(|(known, _)| *known)
    }

    /// Keeps what was found at `now`, not beyond the end of the token.
    pub(crate) fn insert(&self, token: &str, known: Known, ends: Timestamp, now: Timestamp) {
        let until = ends.min(now + self.ttl);
        if until <= now {
            return;
        }
        let mut entries = self.entries();
        if entries.len() >= MAX_ENTRIES {
            entries.retain(|_, (_, until)| now < *until);
        }
        // More clients than it holds: it starts anew, and each is checked once more.
        if entries.len() >= MAX_ENTRIES {
            entries.clear();
        }
        entries.insert(digest_of(token), (known, until));
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<Digest, (Known, Timestamp)>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The token itself is not kept.
fn digest_of(token: &str) -> Digest {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_end_in_time_and_their_number_is_bounded() {
        let known = KnownTokens::new(Duration::from_secs(30));
        let start = Timestamp::from_millis(1_000_000);
        let ends = start + Duration::from_secs(10);
        known.insert("short", Known::Ended, ends, start);
        known.insert("long", Known::Ended, start + Duration::from_mins(15), start);
        known.insert("over", Known::Ended, start, start);
        let found = |token, seconds| known.find(token, start + Duration::from_secs(seconds));
        assert_eq!((found("short", 9), found("short", 10)), (Some(Known::Ended), None));
        assert_eq!((found("long", 29), found("long", 30)), (Some(Known::Ended), None));
        assert_eq!(found("over", 0), None);

        for number in 0..3 * MAX_ENTRIES {
            let ends = start + Duration::from_mins(15);
            known.insert(&number.to_string(), Known::Ended, ends, start);
            assert!(known.entries().len() <= MAX_ENTRIES);
        }
        assert_eq!(known.find(&(3 * MAX_ENTRIES - 1).to_string(), start), Some(Known::Ended));

        let off = KnownTokens::new(Duration::ZERO);
        off.insert("token", Known::Ended, start + Duration::from_mins(15), start);
        assert_eq!(off.find("token", start), None);
    }
}
