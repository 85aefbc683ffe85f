//! Verification of a phone number: the code, and the parameters of its rules.
//!
//! The record of a running verification is in Redis, and each step is one script there. The
//! scripts take their parameters from here.

use crate::ids::VerificationId;
use secrecy::{ExposeSecret as _, SecretString};
use std::fmt;
use std::time::Duration;
use thiserror::Error;

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

/// When a number is locked: how many wrong codes are compared for it, over all of its
/// verifications. These bound the odds of guessing into an account: see docs/security.md.
pub struct PhoneLock;

impl PhoneLock {
    pub const WRONG_PER_HOUR: u32 = 30;
    pub const WRONG_PER_DAY: u32 = 50;
    /// After this many wrong codes in a row, [`Self::WRONG_PER_DAY_IN_STREAK`] applies too.
    pub const WRONG_STREAK: u32 = 100;
    pub const WRONG_PER_DAY_IN_STREAK: u32 = 10;
}

/// When SMS to a country are paused: fewer than a fifth of at least [`Self::MIN_SENDS`]
/// matured codes of the window were confirmed. A code matures once its receiver had time to
/// enter it, so that many new users at once are not taken for fraud.
pub struct SmsBreaker;

impl SmsBreaker {
    /// Sends older than this are not counted.
    pub const WINDOW: Duration = Duration::from_hours(1);
    pub const MIN_SENDS: u32 = 50;
    /// One of this many sends must be confirmed.
    pub const MIN_CONFIRMED_RATIO: u32 = 5;
    pub const MATURE_AFTER: Duration = Duration::from_mins(2);
    pub const PAUSE: Duration = Duration::from_mins(30);
    /// Sends that pass after a pause. Their confirmations decide whether the pause ends.
    pub const HALF_OPEN_PROBES: u32 = 10;
    /// A block of numbers is paused alone only if it had at least this many sends.
    pub const MIN_BLOCK_SENDS: u32 = 5;
}

/// What a verification is for. It cannot be used for the other purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    Register,
    Login,
}

impl Purpose {
    pub const ALL: [Self; 2] = [Self::Register, Self::Login];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Login => "login",
        }
    }

    #[must_use]
    pub fn from_stored(stored: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == stored)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("must be 6 digits")]
pub struct CodeError;

/// Six decimal digits, uniform over 000000–999999.
#[derive(Clone)]
pub struct Code(SecretString);

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code([secret])")
    }
}

impl Code {
    const RANGE: u32 = 1_000_000;

    /// Draws a code. `next_u32` returns uniform random numbers. Numbers above the last whole
    /// multiple of the range are drawn again, so that all codes are equally likely.
    pub fn draw(mut next_u32: impl FnMut() -> u32) -> Self {
        const LIMIT: u32 = u32::MAX - u32::MAX % Code::RANGE;
        loop {
            let number = next_u32();
            if number < LIMIT {
                return Self(SecretString::from(format!("{:06}", number % Self::RANGE)));
            }
        }
    }

    pub fn parse(input: &str) -> Result<Self, CodeError> {
        if input.len() == 6 && input.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Self(SecretString::from(input.to_owned())))
        } else {
            Err(CodeError)
        }
    }

    #[must_use]
    pub fn digits(&self) -> &str {
        self.0.expose_secret()
    }

    /// The input of the keyed digest that is stored in place of the code. It contains
    /// verification and purpose, so that a digest is valid for no other.
    #[must_use]
    pub fn mac_input(&self, id: &VerificationId, purpose: Purpose) -> Vec<u8> {
        let mut input = Vec::with_capacity(32);
        input.extend_from_slice(id.as_uuid().as_bytes());
        input.extend_from_slice(purpose.as_str().as_bytes());
        input.push(0);
        input.extend_from_slice(self.digits().as_bytes());
        input
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phone::PhoneSlot;

    #[test]
    fn a_code_keeps_its_zeros() {
        assert_eq!(Code::draw(|| 42).digits(), "000042");
        assert_eq!(Code::draw(|| 1_999_999).digits(), "999999");
    }

    #[test]
    fn the_biased_rest_is_drawn_again() {
        let mut draws = [u32::MAX, 4_294_000_000, 4_293_999_999].into_iter();
        assert_eq!(Code::draw(|| draws.next().unwrap()).digits(), "999999");
        assert_eq!(draws.next(), None);
    }

    #[test]
    fn only_six_ascii_digits_are_a_code() {
        assert!(Code::parse("012345").is_ok());
        for bad in ["", "12345", "1234567", "12345a", "１２３４５６", "12345\0", " 12345", "+12345"]
        {
            assert_eq!(Code::parse(bad).err(), Some(CodeError), "{bad:?}");
        }
    }

    #[test]
    fn a_code_does_not_print() {
        assert!(!format!("{:?}", Code::draw(|| 123_456)).contains("123456"));
    }

    #[test]
    fn the_mac_is_bound_to_id_and_purpose() {
        let id = |random| VerificationId::new(PhoneSlot::of_digest([0; 2]), [random; 16]);
        let (a, b) = (id(1), id(2));
        let code = Code::draw(|| 7);
        let inputs = [
            code.mac_input(&a, Purpose::Login),
            code.mac_input(&a, Purpose::Register),
            code.mac_input(&b, Purpose::Login),
        ];
        assert!(inputs[0] != inputs[1] && inputs[0] != inputs[2]);
    }
}
