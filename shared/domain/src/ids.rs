//! Typed identifiers. Rows get time-ordered UUID v7; a verification, whose id is a
//! capability, gets 122 random bits (v4) that tell nothing of when or after whom.

use crate::time::Timestamp;
use std::fmt;
use uuid::{Builder, Uuid};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            #[must_use]
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            #[must_use]
            pub const fn as_uuid(&self) -> &Uuid {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

macro_rules! row_id {
    ($(#[$doc:meta])* $name:ident) => {
        id!($(#[$doc])* $name);

        impl $name {
            /// A UUID v7 (RFC 9562 §5.7): ordered by time, so rows land side by side.
            #[must_use]
            pub fn new(now: Timestamp, random: &[u8; 10]) -> Self {
                let millis = u64::try_from(now.millis()).unwrap_or(0);
                Self(Builder::from_unix_timestamp_millis(millis, random).into_uuid())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

row_id!(
    /// An account: one verified phone number.
    UserId
);
row_id!(
    /// A device of a user; the row lives on through its sessions.
    DeviceId
);
row_id!(
    /// One log-in on one device, from then until it ends.
    SessionId
);
row_id!(
    /// A line of the outbox or of the log-in history.
    EntryId
);
id!(
    /// One invocation of a state change. It is drawn by the server before the first try, so
    /// that a repeated try finds its own work.
    CallId
);
id!(
    /// A running verification. Whoever knows it may try codes: it never prints in logs.
    VerificationId
);

impl CallId {
    /// A UUID v4 (RFC 9562 §5.4).
    #[must_use]
    pub fn new(random: [u8; 16]) -> Self {
        Self(Builder::from_random_bytes(random).into_uuid())
    }
}

impl VerificationId {
    /// A UUID v4 (RFC 9562 §5.4).
    #[must_use]
    pub fn new(random: [u8; 16]) -> Self {
        Self(Builder::from_random_bytes(random).into_uuid())
    }
}

impl fmt::Debug for VerificationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VerificationId(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_ids_are_v7_and_ordered_by_time() {
        let early = UserId::new(Timestamp::from_millis(1_000), &[255; 10]);
        let late = UserId::new(Timestamp::from_millis(1_001), &[0; 10]);
        assert_eq!(early.as_uuid().get_version_num(), 7);
        assert!(early < late);
    }

    #[test]
    fn a_verification_id_is_v4_and_does_not_print() {
        let id = VerificationId::new([7; 16]);
        assert_eq!(id.as_uuid().get_version_num(), 4);
        assert_eq!(format!("{id:?}"), "VerificationId(…)");
    }
}
