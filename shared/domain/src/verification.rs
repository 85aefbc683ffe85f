//! Verifying a phone number: the code, its lives, its waits.
//!
//! The running record lives in Redis and moves in one script per step; what is
//! decided here are the numbers that those scripts are given.

use crate::ids::VerificationId;
use secrecy::{ExposeSecret as _, SecretString};
use std::time::Duration;
use thiserror::Error;

/// Wrong codes that are evaluated per verification; the next try is refused unseen.
pub const MAX_ATTEMPTS: u32 = 5;
/// The record ends this long after its request, whatever is resent.
pub const RECORD_TTL: Duration = Duration::from_mins(15);
/// A code dies after this (NIST SP 800-63B-4 §3.1.3.2: at most 10 minutes).
pub const CODE_TTL: Duration = Duration::from_mins(10);
/// A confirmed verification waits this long to be used.
pub const CONFIRMED_TTL: Duration = Duration::from_mins(5);
/// Waits before the first, the second and every further resend.
pub const RESEND_WAITS: [Duration; 3] =
    [Duration::from_secs(30), Duration::from_mins(1), Duration::from_mins(2)];

/// Wrong codes that are evaluated for one number, over all its verifications: within an
/// hour, within a day, and within a day once [`LONG_STREAK`] were wrong in a row. They
/// bound the odds of guessing into an account: see docs/security.md.
pub const WRONG_PER_HOUR: u32 = 30;
pub const WRONG_PER_DAY: u32 = 50;
pub const LONG_STREAK: u32 = 100;
pub const WRONG_PER_DAY_IN_STREAK: u32 = 10;

/// When SMS to a country stop: of at least [`Breaker::MIN_SENDS`] codes of an hour less
/// than a fifth were entered. A code counts once its receiver had time to enter it, so
/// that a rush of new users is not taken for fraud.
pub struct Breaker;

impl Breaker {
    pub const WINDOW: Duration = Duration::from_hours(1);
    pub const MIN_SENDS: u32 = 50;
    /// One confirmed code out of this many is the least.
    pub const MIN_CONFIRMED_RATIO: u32 = 5;
    pub const MATURE_AFTER: Duration = Duration::from_mins(2);
    pub const PAUSE: Duration = Duration::from_mins(30);
    /// Sends that are tried after a pause, before it ends or begins again.
    pub const HALF_OPEN_PROBES: u32 = 10;
    /// Sends of a block of numbers from which on it may be what caused it.
    pub const MIN_BLOCK_SENDS: u32 = 5;
}

/// What a verification may be used for; one never serves the other.
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
#[derive(Clone, Debug)]
pub struct Code(SecretString);

impl Code {
    const RANGE: u32 = 1_000_000;

    /// Draws a code. `random` hands out uniform bits; values above the last whole
    /// multiple of the range are drawn again, so that no code is likelier.
    pub fn draw(mut random: impl FnMut() -> u32) -> Self {
        const LIMIT: u32 = u32::MAX - u32::MAX % Code::RANGE;
        loop {
            let bits = random();
            if bits < LIMIT {
                return Self(SecretString::from(format!("{:06}", bits % Self::RANGE)));
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

    /// The bytes that the server's key authenticates in place of the code: a digest
    /// made for one verification and purpose is worth nothing for another.
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
        let (a, b) = (VerificationId::new([1; 16]), VerificationId::new([2; 16]));
        let code = Code::draw(|| 7);
        let inputs = [
            code.mac_input(&a, Purpose::Login),
            code.mac_input(&a, Purpose::Register),
            code.mac_input(&b, Purpose::Login),
        ];
        assert!(inputs[0] != inputs[1] && inputs[0] != inputs[2]);
    }
}
