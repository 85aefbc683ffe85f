//! When a device's keys run low or out of date. Pure: the counts and the time are handed in.

use super::{
    LOW_PREKEY_COUNT, RECOMMENDED_PREKEY_COUNT, SIGNED_PREKEY_GRACE, SIGNED_PREKEY_ROTATION_LEAD,
    SIGNED_PREKEY_TTL,
};
use crate::time::Timestamp;

/// The unused one-time keys of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OneTimeSupply {
    pub prekeys: u32,
    /// None if the device never uploaded Kyber keys: older apps have none.
    pub kyber_prekeys: Option<u32>,
}

impl OneTimeSupply {
    /// Whether the device should upload more keys, of either kind.
    #[must_use]
    pub fn is_low(self) -> bool {
        let low = |count| count < LOW_PREKEY_COUNT;
        low(self.prekeys) || self.kyber_prekeys.is_some_and(low)
    }

    /// How many keys of a kind that is low to upload. An upload replaces what is left.
    #[must_use]
    pub fn recommended_upload(self) -> u32 {
        if self.is_low() { RECOMMENDED_PREKEY_COUNT } else { 0 }
    }
}

/// When a signed prekey uploaded now ceases to be active.
#[must_use]
pub fn signed_prekey_expires_at(now: Timestamp) -> Timestamp {
    now + SIGNED_PREKEY_TTL
}

/// The age of a signed prekey.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignedPrekeyState {
    Fresh,
    /// Active for less than another day: the next one is wanted.
    Due,
    /// Past its life, and still handed out during the grace.
    Stale,
    /// Past its grace: nobody gets it any more.
    Expired,
}

impl SignedPrekeyState {
    /// The state at `now` of the key that is active until `expires_at`.
    #[must_use]
    pub fn of(expires_at: Timestamp, now: Timestamp) -> Self {
        if now >= expires_at + SIGNED_PREKEY_GRACE {
            Self::Expired
        } else if now >= expires_at {
            Self::Stale
        } else if now > expires_at - SIGNED_PREKEY_ROTATION_LEAD {
            Self::Due
        } else {
            Self::Fresh
        }
    }

    #[must_use]
    pub const fn is_active(self) -> bool {
        matches!(self, Self::Fresh | Self::Due)
    }

    #[must_use]
    pub const fn is_served(self) -> bool {
        !matches!(self, Self::Expired)
    }

    #[must_use]
    pub const fn needs_rotation(self) -> bool {
        !matches!(self, Self::Fresh)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_device_that_is_low_in_either_kind_is_advised_to_upload_a_whole_list() {
        for (prekeys, kyber_prekeys, low) in [
            (0, None, true),
            (19, None, true),
            (20, None, false),
            (u32::MAX, None, false),
            (20, Some(0), true),
            (20, Some(19), true),
            (20, Some(20), false),
            (19, Some(20), true),
            (0, Some(0), true),
        ] {
            let supply = OneTimeSupply { prekeys, kyber_prekeys };
            assert_eq!(supply.is_low(), low, "{supply:?}");
            assert_eq!(supply.recommended_upload(), if low { 100 } else { 0 }, "{supply:?}");
        }
    }

    #[test]
    fn a_signed_prekey_ages() {
        use SignedPrekeyState::{Due, Expired, Fresh, Stale};
        const DAY: u64 = 24 * 60 * 60 * 1000;
        let uploaded = Timestamp::from_millis(1_800_000_000_000);
        let expires_at = signed_prekey_expires_at(uploaded);
        for (age, state) in [
            (0, Fresh),
            (6 * DAY, Fresh),
            (6 * DAY + 1, Due),
            (7 * DAY - 1, Due),
            (7 * DAY, Stale),
            (37 * DAY - 1, Stale),
            (37 * DAY, Expired),
            (1000 * DAY, Expired),
        ] {
            let now = uploaded + Duration::from_millis(age);
            assert_eq!(SignedPrekeyState::of(expires_at, now), state, "{age} ms");
        }
    }

    #[test]
    fn a_state_tells_what_to_do_with_the_key() {
        use SignedPrekeyState::{Due, Expired, Fresh, Stale};
        for (state, active, served, rotate) in [
            (Fresh, true, true, false),
            (Due, true, true, true),
            (Stale, false, true, true),
            (Expired, false, false, true),
        ] {
            let got = (state.is_active(), state.is_served(), state.needs_rotation());
            assert_eq!(got, (active, served, rotate), "{state:?}");
        }
    }
}
