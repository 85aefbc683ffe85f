//! TOTP (RFC 6238): SHA-1, 6 digits, 30 seconds, the form that every authenticator app knows.

use domain::second_factor::{STEP_SECONDS, TOTP_DIGITS, TotpCode, acceptable_steps};
use domain::time::Timestamp;
use secrecy::{ExposeSecret as _, SecretSlice};
use thiserror::Error;
use totp_rs::{Algorithm, Builder, Totp, TotpError};

use crate::crypto::constant_time_eq;

/// What authenticator apps began with: 16 letters of base 32.
pub const MIN_SECRET_BYTES: usize = 10;

/// A secret or a name that makes no TOTP.
#[derive(Debug, Error)]
#[error("a totp cannot be made")]
pub struct TotpFailure;

impl From<TotpError> for TotpFailure {
    fn from(_: TotpError) -> Self {
        Self
    }
}

fn builder(secret: &SecretSlice<u8>) -> Result<Builder, TotpFailure> {
    let digits = u8::try_from(TOTP_DIGITS).map_err(|_| TotpFailure)?;
    Ok(Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(digits)
        .with_step_duration(STEP_SECONDS.unsigned_abs())
        .with_secret(secret.expose_secret().to_vec()))
}

/// The step whose code this is, of those that are right now. Every one is compared, whichever is
/// right.
pub fn matching_step(
    secret: &SecretSlice<u8>,
    code: &TotpCode,
    now: Timestamp,
) -> Result<Option<i64>, TotpFailure> {
    // An imported secret may be shorter than the 128 bits of RFC 4226.
    if secret.expose_secret().len() < MIN_SECRET_BYTES {
        return Err(TotpFailure);
    }
    let totp: Totp = builder(secret)?.build_noncompliant();
    let is_right = |step: i64| {
        let at = u64::try_from(step * STEP_SECONDS).unwrap_or(0);
        constant_time_eq(&totp.generate(at).to_string(), code.digits())
    };
    let steps = acceptable_steps(now).map(|step| (step, is_right(step)));
    Ok(steps.into_iter().find(|(_, is_right)| *is_right).map(|(step, _)| step))
}

/// What an authenticator app is given.
#[derive(Debug)]
pub struct Provisioning {
    /// Base 32 without padding.
    pub secret: String,
    /// `otpauth://totp/…`.
    pub uri: String,
}

/// The secret for an app, under the name of the service and of the account.
pub fn provisioning(
    secret: &SecretSlice<u8>,
    issuer: &str,
    account: &str,
) -> Result<Provisioning, TotpFailure> {
    let totp = builder(secret)?.with_issuer(Some(issuer)).with_account_name(account).build()?;
    Ok(Provisioning { secret: totp.secret().to_base32(), uri: totp.to_url()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B, for SHA-1. The RFC shows 8 digits: the last 6 are the code of 6.
    const VECTORS: [(i64, &str); 6] = [
        (59, "94287082"),
        (1_111_111_109, "07081804"),
        (1_111_111_111, "14050471"),
        (1_234_567_890, "89005924"),
        (2_000_000_000, "69279037"),
        (20_000_000_000, "65353130"),
    ];

    fn secret() -> SecretSlice<u8> {
        SecretSlice::from(b"12345678901234567890".to_vec())
    }

    fn step(code: &str, seconds: i64) -> Option<i64> {
        let code = TotpCode::parse(code).unwrap();
        matching_step(&secret(), &code, Timestamp::from_millis(seconds * 1000)).unwrap()
    }

    #[test]
    fn the_vectors_of_rfc_6238_hold_one_step_to_each_side() {
        for (seconds, digits) in VECTORS {
            let (code, expected) = (&digits[2..], seconds / 30);
            for off in [-30, 0, 30] {
                assert_eq!(step(code, seconds + off), Some(expected), "{seconds} {off}");
            }
            for off in [-60, 60, 3600] {
                assert_eq!(step(code, seconds + off), None, "{seconds} {off}");
            }
        }
        // The first code of a window and the last moment of the one after.
        assert_eq!(step("287082", 89), Some(1));
        assert_eq!(step("287082", 90), None);
        assert_eq!(step("287082", 0), Some(1));
    }

    #[test]
    fn of_equal_codes_the_newest_step_counts() {
        // The first two neighbouring steps after 2027 that have one code.
        let equal = 62_075_369;
        assert_eq!(step("235522", (equal - 3) * 30), None);
        let now = Timestamp::from_millis((equal - 1) * 30_000);
        let digits = TotpCode::parse("235522").unwrap();
        assert_eq!(matching_step(&secret(), &digits, now).unwrap(), Some(equal));
        assert_eq!(step("235522", (equal - 2) * 30), Some(equal - 1));
    }

    #[test]
    fn an_app_gets_secret_issuer_and_account() {
        let given = provisioning(&secret(), "Whispr Ltd", "+33***4567").unwrap();
        assert_eq!(given.secret, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert!(given.uri.starts_with("otpauth://totp/Whispr%20Ltd:"), "{}", given.uri);
        assert!(given.uri.contains("secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"), "{}", given.uri);
        assert!(given.uri.contains("issuer=Whispr%20Ltd") && given.uri.contains("4567"));
        assert!(provisioning(&secret(), "a:b", "c").is_err());
        assert!(
            matching_step(
                &SecretSlice::from(vec![1; 4]),
                &TotpCode::parse("123456").unwrap(),
                Timestamp::from_millis(0)
            )
            .is_err()
        );
    }
}
