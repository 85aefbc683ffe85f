//! Verification of a phone number: the code, and the parameters of its rules.
//!
//! The record of a running verification is in Redis, and each step is one script there. The
//! scripts take their parameters from here.

mod code_length;
mod record;
mod sms_breaker;

pub use code_length::{
    CodeDecision, CodeHistory, CodeInput, CodeLength, CodeMarks, CodeTier, SixDigitStart,
};
pub use record::{CODE_TTL, CONFIRMED_TTL, MAX_ATTEMPTS, RECORD_TTL, RESEND_WAITS};
pub use sms_breaker::{
    Admission, BreakerMarks, CountryPause, Counts, LoggedSend, PausePass, SentCode, SmsBreaker,
    SmsRequest,
};

use crate::ids::VerificationId;
use secrecy::{ExposeSecret as _, SecretString};
use std::fmt;
use thiserror::Error;

/// What a verification is for. It cannot be used for the other purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    Register,
    Login,
    /// A new number of an account.
    ChangePhone,
}

impl Purpose {
    pub const ALL: [Self; 3] = [Self::Register, Self::Login, Self::ChangePhone];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Login => "login",
            Self::ChangePhone => "change_phone",
        }
    }

    #[must_use]
    pub fn from_stored(stored: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == stored)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("must be 6 or 10 digits")]
pub struct CodeError;

/// Decimal digits, uniform over all codes of their length.
#[derive(Clone)]
pub struct Code(SecretString);

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code([secret])")
    }
}

impl Code {
    /// Draws a code. `next_u64` returns uniform random numbers. Numbers above the last whole
    /// multiple of the range are drawn again, so that all codes are equally likely.
    pub fn draw(length: CodeLength, mut next_u64: impl FnMut() -> u64) -> Self {
        let range = length.codes();
        let limit = u64::MAX - u64::MAX % range;
        loop {
            let number = next_u64();
            if number < limit {
                let digits = length.digits();
                return Self(SecretString::from(format!("{:0digits$}", number % range)));
            }
        }
    }

    pub fn parse(input: &str) -> Result<Self, CodeError> {
        let is_length = CodeLength::from_digits(input.len()).is_some();
        if is_length && input.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Self(SecretString::from(input.to_owned())))
        } else {
            Err(CodeError)
        }
    }

    #[must_use]
    pub fn length(&self) -> CodeLength {
        CodeLength::from_digits(self.digits().len()).unwrap_or(CodeLength::Ten)
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

    /// Draws from these numbers and no others.
    fn draw(length: CodeLength, numbers: &[u64]) -> Code {
        let mut numbers = numbers.iter().copied();
        Code::draw(length, || numbers.next().expect("another number"))
    }

    #[test]
    fn a_purpose_is_stored_by_its_name() {
        for purpose in Purpose::ALL {
            assert_eq!(Purpose::from_stored(purpose.as_str()), Some(purpose));
        }
        assert_eq!(Purpose::from_stored("Login"), None);
    }

    #[test]
    fn a_code_keeps_its_zeros() {
        assert_eq!(draw(CodeLength::Six, &[42]).digits(), "000042");
        assert_eq!(draw(CodeLength::Six, &[1_999_999]).digits(), "999999");
        assert_eq!(draw(CodeLength::Ten, &[42]).digits(), "0000000042");
        assert_eq!(draw(CodeLength::Ten, &[19_999_999_999]).digits(), "9999999999");
    }

    #[test]
    fn the_biased_rest_is_drawn_again() {
        for length in CodeLength::ALL {
            let limit = u64::MAX - u64::MAX % length.codes();
            let mut draws = [u64::MAX, limit, limit - 1].into_iter();
            let code = Code::draw(length, || draws.next().unwrap());
            assert_eq!(code.digits(), "9".repeat(length.digits()));
            assert_eq!((draws.next(), code.length()), (None, length));
        }
    }

    #[test]
    fn only_six_or_ten_ascii_digits_are_a_code() {
        for good in ["012345", "0123456789"] {
            assert_eq!(Code::parse(good).unwrap().length().digits(), good.len());
        }
        for bad in [
            "",
            "12345",
            "1234567",
            "123456789",
            "12345678901",
            "12345a",
            "１２３４５６",
            "12345\0",
            " 12345",
            "+12345",
            "123456789a",
        ] {
            assert_eq!(Code::parse(bad).err(), Some(CodeError), "{bad:?}");
        }
    }

    #[test]
    fn a_code_does_not_print() {
        assert!(!format!("{:?}", draw(CodeLength::Six, &[123_456])).contains("123456"));
    }

    #[test]
    fn the_mac_is_bound_to_id_and_purpose() {
        let id = |random| VerificationId::new(PhoneSlot::of_digest([0; 2]), [random; 16]);
        let (a, b) = (id(1), id(2));
        let code = draw(CodeLength::Six, &[7]);
        let inputs = [
            code.mac_input(&a, Purpose::Login),
            code.mac_input(&a, Purpose::Register),
            code.mac_input(&b, Purpose::Login),
        ];
        assert!(inputs[0] != inputs[1] && inputs[0] != inputs[2]);
    }
}
