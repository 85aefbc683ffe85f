//! Reads a verification, and deletes one that was used up.

use domain::ids::VerificationId;
use domain::time::Timestamp;
use domain::verification::{CodeLength, MAX_ATTEMPTS, Purpose};
use redis::Value;
use std::str::FromStr;

use super::record::{Progress, key};
use crate::cache::error::CacheError;
use crate::cache::round_trip::Cache;

const OPERATION: &str = "find_verification";

/// A verification that has not ended.
#[derive(Debug)]
pub struct Verification {
    pub purpose: Purpose,
    /// The id of the pepper of `device` and `sealed_phone`.
    pub pepper: String,
    pub device: String,
    pub sealed_phone: String,
    pub verified: bool,
    pub expires_at: Timestamp,
    pub progress: Progress,
}

/// The fields that are read, in this order.
const FIELDS: [&str; 10] = [
    "purpose",
    "pepper",
    "device",
    "phone",
    "expires_at",
    "code_expires_at",
    "resend_at",
    "attempts",
    "verified",
    "code_length",
];

impl Verification {
    /// None if the record does not exist.
    fn parse(value: Value) -> Result<Option<Self>, CacheError> {
        let fields: [Option<String>; FIELDS.len()] =
            redis::from_redis_value(value).map_err(|_| unexpected("the fields of a record"))?;
        if fields.iter().all(Option::is_none) {
            return Ok(None);
        }
        let [
            purpose,
            pepper,
            device,
            phone,
            expires_at,
            code_expires_at,
            resend_at,
            attempts,
            verified,
            code_length,
        ] = fields.map(Option::unwrap_or_default);
        let purpose = Purpose::from_stored(&purpose).ok_or_else(|| unexpected("a purpose"))?;
        Ok(Some(Self {
            purpose,
            pepper,
            device,
            sealed_phone: phone,
            verified: verified == "1",
            expires_at: time(&expires_at)?,
            progress: Progress {
                code_length: CodeLength::from_digits(number(&code_length)?)
                    .ok_or_else(|| unexpected("the length of a code"))?,
                code_expires_at: time(&code_expires_at)?,
                resend_at: time(&resend_at)?,
                attempts_left: MAX_ATTEMPTS.saturating_sub(number(&attempts)?),
            },
        }))
    }
}

fn time(text: &str) -> Result<Timestamp, CacheError> {
    number(text).map(Timestamp::from_millis)
}

fn number<T: FromStr>(text: &str) -> Result<T, CacheError> {
    text.parse().map_err(|_| unexpected("a number"))
}

const fn unexpected(expected: &'static str) -> CacheError {
    CacheError::UnexpectedData { operation: OPERATION, expected }
}

impl Cache {
    /// Reads a verification; none if it does not exist or has ended.
    pub async fn find_verification(
        &self,
        id: &VerificationId,
        now: Timestamp,
    ) -> Result<Option<Verification>, CacheError> {
        let Some(key) = key(id) else { return Ok(None) };
        let mut read = redis::cmd("HMGET");
        read.arg(key).arg(&FIELDS);
        let found = Verification::parse(self.send_with_metrics(OPERATION, now, read).await?)?;
        Ok(found.filter(|verification| verification.expires_at > now))
    }

    /// Deletes a verification that was used up.
    pub async fn delete_verification(&self, id: &VerificationId) -> Result<(), CacheError> {
        let Some(key) = key(id) else { return Ok(()) };
        let mut unlink = redis::cmd("UNLINK");
        unlink.arg(key);
        self.send("delete_verification", vec![unlink]).await.map(drop)
    }
}
