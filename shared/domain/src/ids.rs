//! Typed identifiers. Rows get time-ordered UUID v7. The id of a verification is a capability:
//! a UUID v8 with 112 random bits, which tell nothing of when or after whom.

use crate::phone::PhoneSlot;
use crate::time::Timestamp;
use std::fmt;
use uuid::{Builder, Uuid, Variant};

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
    /// One invocation of a state change: drawn by the server before the first try, and never
    /// read from a request. A call whose reply was lost is repeated with the same id, and
    /// finds its own work.
    CallId
);
id!(
    /// A running verification. Whoever knows it may try codes: it never prints in logs.
    VerificationId
);
id!(
    /// A QR log-in. Whoever scans the QR code knows it: it never prints in logs.
    QrLoginId
);

impl fmt::Debug for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl CallId {
    /// 128 random bits.
    #[must_use]
    pub const fn new(random: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(random))
    }
}

impl VerificationId {
    /// A UUID v8 (RFC 9562 §5.8): the slot of the number, then 112 random bits.
    #[must_use]
    pub fn new(slot: PhoneSlot, random: [u8; 16]) -> Self {
        let mut bytes = random;
        let [high, low] = (slot.number() << 6).to_be_bytes();
        bytes[0] = high;
        bytes[1] = low | (bytes[1] & 0x3f);
        Self(Builder::from_custom_bytes(bytes).into_uuid())
    }

    /// The slot that the id names; none if it is not an id of this service. The slot only
    /// says where to look: an id with another slot is unknown.
    #[must_use]
    pub fn phone_slot(&self) -> Option<PhoneSlot> {
        let is_ours = self.0.get_version_num() == 8 && self.0.get_variant() == Variant::RFC4122;
        let [high, low, ..] = *self.0.as_bytes();
        is_ours.then(|| PhoneSlot::of_digest([high, low]))
    }
}

impl QrLoginId {
    /// A UUID v4 (RFC 9562 §5.4): 122 random bits.
    #[must_use]
    pub const fn new(random: [u8; 16]) -> Self {
        Self(Builder::from_random_bytes(random).into_uuid())
    }
}

impl fmt::Debug for QrLoginId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("QrLoginId(…)")
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
    fn the_id_of_a_qr_login_is_random_and_does_not_print() {
        let bits = |random| QrLoginId::new(random).as_uuid().as_u128();
        assert_eq!((bits([0xff; 16]) ^ bits([0; 16])).count_ones(), 122);
        assert_eq!(format!("{:?}", QrLoginId::new([7; 16])), "QrLoginId(…)");
    }

    #[test]
    fn a_verification_id_is_v8_names_its_slot_and_does_not_print() {
        for digest in [[0, 0], [0xff, 0xff], [0xa5, 0x5a], [0x00, 0x40]] {
            let slot = PhoneSlot::of_digest(digest);
            for random in [[0; 16], [0xff; 16], [7; 16]] {
                let id = VerificationId::new(slot, random);
                assert_eq!(id.as_uuid().get_version_num(), 8);
                assert_eq!(id.phone_slot(), Some(slot));
                assert_eq!(format!("{id:?}"), "VerificationId(…)");
            }
        }
    }

    #[test]
    fn all_other_bits_of_a_verification_id_are_random() {
        let slot = PhoneSlot::of_digest([0, 0]);
        let bits = |random| VerificationId::new(slot, random).as_uuid().as_u128();
        assert_eq!((bits([0xff; 16]) ^ bits([0; 16])).count_ones(), 112);
    }

    #[test]
    fn ids_of_other_kinds_have_no_slot() {
        for other in [
            "00000000-0000-0000-0000-000000000000",
            "5f0c6b0e-8a43-4f0f-9f57-1f8b8f3f3f3f",
            "5f0c6b0e-8a43-7f0f-9f57-1f8b8f3f3f3f",
            // Version 8 with another variant.
            "5f0c6b0e-8a43-8f0f-1f57-1f8b8f3f3f3f",
            "5f0c6b0e-8a43-8f0f-df57-1f8b8f3f3f3f",
        ] {
            let id = VerificationId::from_uuid(Uuid::try_parse(other).unwrap());
            assert_eq!(id.phone_slot(), None, "{other}");
        }
    }
}
