//! QR log-in: what the two devices show each other, and for how long it is valid.
//!
//! A logged-in device shows a [`Challenge`], or a new device shows a link. The other one scans it.
//! In both cases the new device holds a [`QrSecret`], which fetches the tokens, and shows a
//! [`ConfirmCode`], which the user types on the logged-in device. Only digests are stored.

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest, Sha256};
use std::time::Duration;
use thiserror::Error;
use uuid::Uuid;

use crate::hex::hex;
use crate::ids::{DeviceId, QrLoginId};
use crate::verification::{Code, CodeLength};

/// A challenge that a logged-in device shows.
pub const CHALLENGE_TTL: Duration = Duration::from_mins(5);
/// A link that a new device shows.
pub const LINK_TTL: Duration = Duration::from_mins(2);
/// The new device gets the same tokens again for so long, in case their answer was lost.
pub const REPEAT_PERIOD: Duration = Duration::from_mins(1);
/// One-time keys of each kind that are kept of a link, which anybody may make. The device uploads
/// the others once it is logged in.
pub const MAX_LINK_ONE_TIME_KEYS: usize = 20;

/// Characters of a secret: 128 bits as hexadecimal digits.
const SECRET_LENGTH: usize = 32;
/// Characters of a challenge: two ids and a secret, with dots between them.
const CHALLENGE_LENGTH: usize = 36 + 1 + 36 + 1 + SECRET_LENGTH;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("must be 32 hexadecimal digits")]
pub struct QrSecretError;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("is not a challenge of this service")]
pub struct ChallengeError;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("must be 6 digits")]
pub struct ConfirmCodeError;

/// What fetches the tokens of a QR log-in.
#[derive(Clone, Debug)]
pub struct QrSecret(SecretString);

impl QrSecret {
    #[must_use]
    pub fn new(random: [u8; 16]) -> Self {
        Self(SecretString::from(hex(&random)))
    }

    pub fn parse(input: String) -> Result<Self, QrSecretError> {
        if is_secret(&input) { Ok(Self(SecretString::from(input))) } else { Err(QrSecretError) }
    }

    /// For the answer that gives it to the new device.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// What is stored of it.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.expose()).into()
    }
}

/// The text of the QR code that a logged-in device shows: `{id}.{deviceId}.{secret}`.
#[derive(Clone, Debug)]
pub struct Challenge {
    pub id: QrLoginId,
    /// The device that shows it.
    pub device: DeviceId,
    text: SecretString,
}

impl Challenge {
    #[must_use]
    pub fn new(id: QrLoginId, device: DeviceId, secret: &QrSecret) -> Self {
        let text = format!("{id}.{device}.{}", secret.expose());
        Self { id, device, text: SecretString::from(text) }
    }

    pub fn parse(input: String) -> Result<Self, ChallengeError> {
        let parts: Vec<&str> = input.split('.').collect();
        let [id, device, secret] = parts[..] else { return Err(ChallengeError) };
        // In the one form that was given out: its digest is compared.
        let is_given = |text: &str| !text.bytes().any(|byte| byte.is_ascii_uppercase());
        let uuid = |text| Uuid::try_parse(text).map_err(|_| ChallengeError);
        let (id, device) = (uuid(id)?, uuid(device)?);
        if input.len() != CHALLENGE_LENGTH || !is_secret(secret) || !is_given(&input) {
            return Err(ChallengeError);
        }
        Ok(Self {
            id: QrLoginId::from_uuid(id),
            device: DeviceId::from_uuid(device),
            text: SecretString::from(input),
        })
    }

    /// For the answer that gives it to the device that shows it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.text.expose_secret()
    }

    /// What is stored of it, and what the identity key of the new device signs.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.expose()).into()
    }
}

/// What the new device shows and the user types on the logged-in device.
#[derive(Clone, Debug)]
pub struct ConfirmCode(Code);

impl ConfirmCode {
    /// `next_u64` returns uniform random numbers.
    pub fn draw(next_u64: impl FnMut() -> u64) -> Self {
        Self(Code::draw(CodeLength::Six, next_u64))
    }

    pub fn parse(input: &str) -> Result<Self, ConfirmCodeError> {
        let code = Code::parse(input).map_err(|_| ConfirmCodeError)?;
        if code.length() == CodeLength::Six { Ok(Self(code)) } else { Err(ConfirmCodeError) }
    }

    #[must_use]
    pub fn digits(&self) -> &str {
        self.0.digits()
    }

    /// What is stored of it.
    #[must_use]
    pub fn digest(&self, id: &QrLoginId) -> [u8; 32] {
        Sha256::digest([id.as_uuid().as_bytes(), self.digits().as_bytes()].concat()).into()
    }
}

fn is_secret(text: &str) -> bool {
    text.len() == SECRET_LENGTH && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge() -> Challenge {
        let device = DeviceId::from_uuid(Uuid::from_bytes([0xab; 16]));
        Challenge::new(QrLoginId::new([7; 16]), device, &QrSecret::new([0xcd; 16]))
    }

    #[test]
    fn a_challenge_is_read_as_it_was_given_and_in_no_other_form() {
        let given = challenge();
        let text = given.expose().to_owned();
        let read = Challenge::parse(text.clone()).unwrap();
        assert_eq!((read.id, read.device, read.digest()), (given.id, given.device, given.digest()));
        let without_hyphens = text.replacen('-', "", 4);
        for bad in [
            String::new(),
            text.to_uppercase(),
            without_hyphens,
            format!("{text}0"),
            format!("{text}.0"),
            text.replace('.', "-"),
            text[..text.len() - 1].to_owned(),
            text.replace("cd", "cg"),
            "é".repeat(53),
        ] {
            assert!(Challenge::parse(bad.clone()).is_err(), "{bad}");
        }
    }

    #[test]
    fn secrets_have_128_bits_and_nothing_of_a_qr_login_prints() {
        let secret = QrSecret::new([0xff; 16]);
        assert_eq!(secret.expose(), "f".repeat(32));
        assert!(QrSecret::parse(secret.expose().to_owned()).is_ok());
        for bad in ["", "f", &"F".repeat(32), &"g".repeat(32), &"f".repeat(33), &"é".repeat(16)] {
            assert_eq!(QrSecret::parse(bad.to_owned()).unwrap_err(), QrSecretError, "{bad}");
        }
        let code = ConfirmCode::parse("042719").unwrap();
        for printed in [format!("{secret:?}"), format!("{:?}", challenge()), format!("{code:?}")] {
            for hidden in ["ffff", "cdcd", "042719"] {
                assert!(!printed.contains(hidden), "{printed}");
            }
        }
    }

    #[test]
    fn a_code_has_six_digits_and_is_of_one_log_in() {
        let code = ConfirmCode::draw(|| 42);
        assert_eq!(code.digits(), "000042");
        let (one, other) = (QrLoginId::new([1; 16]), QrLoginId::new([2; 16]));
        assert_eq!(code.digest(&one), ConfirmCode::parse("000042").unwrap().digest(&one));
        assert_ne!(code.digest(&one), code.digest(&other));
        for bad in ["", "12345", "1234567", "0123456789", "12345a", "１２３４５６"] {
            assert_eq!(ConfirmCode::parse(bad).unwrap_err(), ConfirmCodeError, "{bad}");
        }
    }
}
