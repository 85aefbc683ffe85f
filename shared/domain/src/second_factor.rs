//! The second factor: time steps of TOTP codes (RFC 6238), backup codes, and the rule that locks it
//! after wrong codes. The script that counts takes its parameters from here.

use secrecy::{ExposeSecret as _, SecretString};
use std::fmt;
use std::time::Duration;
use thiserror::Error;

use crate::time::Timestamp;

/// Bytes of a TOTP secret: as many as an HMAC-SHA1 has (RFC 4226, section 4).
pub const SECRET_LENGTH: usize = 20;
/// Digits of a TOTP code.
pub const TOTP_DIGITS: usize = 6;
/// Seconds of a time step.
pub const STEP_SECONDS: i64 = 30;
/// A secret that is not enabled is forgotten after this.
pub const PENDING_TTL: Duration = Duration::from_mins(15);
/// Backup codes of a set.
pub const BACKUP_CODES: usize = 10;

/// So many wrong codes within [`ATTEMPT_WINDOW`] lock the second factor.
pub const MAX_ATTEMPTS: u32 = 5;
pub const ATTEMPT_WINDOW: Duration = Duration::from_mins(15);
/// How long the first lock lasts. Each further one without a right code in between lasts twice as
/// long.
pub const FIRST_LOCK: Duration = Duration::from_mins(15);
pub const LONGEST_LOCK: Duration = Duration::from_hours(24);
/// A session that sends the same wrong code again so soon is refused and not counted: shipped apps
/// repeat what was answered with 401.
pub const SAME_CODE_PERIOD: Duration = Duration::from_secs(30);

/// The letters and digits of backup codes. Without `I`, `O`, `0` and `1`, which look alike.
const ALPHABET: [u8; 32] = *b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
const BACKUP_CODE_LENGTH: usize = 8;
/// In place of a pepper's id: a code of the first auth-service, stored as bcrypt of how it was shown.
pub const IMPORTED_CODE: &str = "bcrypt";

/// The steps whose codes are right now, the newest first. If two of them have the same code, the
/// code stands for the newer step: once used, it is never right again.
#[must_use]
pub const fn acceptable_steps(now: Timestamp) -> [i64; 3] {
    let step = now.seconds().div_euclid(STEP_SECONDS);
    [step + 1, step, step - 1]
}

/// Whether a secret that was shown at `shown_at` may still be enabled.
#[must_use]
pub fn is_pending(shown_at: Timestamp, now: Timestamp) -> bool {
    shown_at + PENDING_TTL > now
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("must be 6 digits, or a backup code XXXX-XXXX")]
pub struct TokenError;

/// What a user enters as second factor.
#[derive(Clone)]
pub enum SecondFactorToken {
    Totp(TotpCode),
    BackupCode(BackupCode),
}

impl SecondFactorToken {
    pub fn parse(input: &str) -> Result<Self, TokenError> {
        TotpCode::parse(input)
            .map(Self::Totp)
            .or_else(|_| BackupCode::parse(input).map(Self::BackupCode))
    }

    /// The one normal form of the code.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Totp(code) => code.digits(),
            Self::BackupCode(code) => code.letters(),
        }
    }
}

/// Six digits of an authenticator app.
#[derive(Clone)]
pub struct TotpCode(SecretString);

impl TotpCode {
    pub fn parse(input: &str) -> Result<Self, TokenError> {
        let is_code = input.len() == TOTP_DIGITS && input.bytes().all(|b| b.is_ascii_digit());
        is_code.then(|| Self(SecretString::from(input))).ok_or(TokenError)
    }

    #[must_use]
    pub fn digits(&self) -> &str {
        self.0.expose_secret()
    }
}

/// Eight letters and digits, 40 random bits.
#[derive(Clone)]
pub struct BackupCode(SecretString);

impl BackupCode {
    /// The code of these uniform random bytes.
    #[must_use]
    pub fn of_random(random: [u8; BACKUP_CODE_LENGTH]) -> Self {
        let letters = random.map(|byte| char::from(ALPHABET[usize::from(byte % 32)]));
        Self(SecretString::from(String::from_iter(letters)))
    }

    /// Users type codes as they like: lower case is read as upper case, and the dash may be left
    /// out. Codes of the first auth-service have letters that look alike, too.
    pub fn parse(input: &str) -> Result<Self, TokenError> {
        let letters = match input.split_once('-') {
            Some((first, second)) if first.len() == BACKUP_CODE_LENGTH / 2 => {
                format!("{first}{second}")
            }
            Some(_) => return Err(TokenError),
            None => input.to_owned(),
        };
        let letters = letters.to_ascii_uppercase();
        let is_code = letters.len() == BACKUP_CODE_LENGTH
            && letters.bytes().all(|b| b.is_ascii_alphanumeric());
        is_code.then(|| Self(SecretString::from(letters))).ok_or(TokenError)
    }

    /// Without the dash.
    #[must_use]
    pub fn letters(&self) -> &str {
        self.0.expose_secret()
    }

    /// `XXXX-XXXX`, as it is shown once.
    #[must_use]
    pub fn shown(&self) -> String {
        let (first, second) = self.letters().split_at(BACKUP_CODE_LENGTH / 2);
        format!("{first}-{second}")
    }
}

impl fmt::Debug for TotpCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpCode([secret])")
    }
}

impl fmt::Debug for BackupCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BackupCode([secret])")
    }
}

impl fmt::Debug for SecondFactorToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecondFactorToken([secret])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_step_is_thirty_seconds_and_its_neighbours_are_right_too() {
        let at = |seconds: i64| acceptable_steps(Timestamp::from_millis(seconds * 1000));
        assert_eq!(at(59), [2, 1, 0]);
        assert_eq!(at(60), [3, 2, 1]);
        assert_eq!(acceptable_steps(Timestamp::from_millis(59_999)), [2, 1, 0]);
        assert_eq!(at(1_111_111_109), [37_037_037, 37_037_036, 37_037_035]);
    }

    #[test]
    fn a_pending_secret_dies_after_a_quarter_of_an_hour() {
        let shown = Timestamp::from_millis(1_000);
        assert!(is_pending(shown, shown + PENDING_TTL - Duration::from_millis(1)));
        assert!(!is_pending(shown, shown + PENDING_TTL));
    }

    #[test]
    fn backup_codes_are_forty_bits_without_letters_that_look_alike() {
        assert_eq!(ALPHABET.iter().collect::<BTreeSet<_>>().len(), 32);
        assert!(ALPHABET.iter().all(|letter| !b"IO01".contains(letter)));
        let all: BTreeSet<String> =
            (0..=255).map(|n| BackupCode::of_random([n; 8]).shown()).collect();
        assert_eq!(all.len(), 32);
        assert_eq!(BackupCode::of_random([0, 1, 2, 3, 28, 29, 30, 31]).shown(), "ABCD-6789");
    }

    #[test]
    fn backup_codes_are_read_as_users_type_them() {
        for input in ["ABCD-2345", "abcd-2345", "ABCD2345", "aBcD2345"] {
            assert_eq!(BackupCode::parse(input).unwrap().shown(), "ABCD-2345");
        }
        assert_eq!(BackupCode::parse("i0O1-2345").unwrap().shown(), "I0O1-2345");
        for bad in [
            "",
            "ABCD",
            "ABCD-234",
            "ABCD-23456",
            "ABC-D2345",
            "ABCD--2345",
            "ABCD-2345-",
            "ABCD 2345",
            "ÄBCD-234",
            "ABCD\u{2013}2345",
            "-ABCD2345",
        ] {
            assert_eq!(BackupCode::parse(bad).err(), Some(TokenError), "{bad:?}");
        }
    }

    #[test]
    fn a_token_is_one_of_both_and_does_not_print() {
        assert!(matches!(SecondFactorToken::parse("012345"), Ok(SecondFactorToken::Totp(_))));
        let code = SecondFactorToken::parse("ABCD-2345").unwrap();
        assert!(matches!(code, SecondFactorToken::BackupCode(_)));
        assert!(!format!("{code:?}").contains("ABCD"));
        for bad in
            ["", "12345", "1234567", "１２３４５６", "12345a", " 123456", "12345\0", "+12345"]
        {
            assert!(SecondFactorToken::parse(bad).is_err(), "{bad:?}");
        }
    }
}
