//! Reads a verification.

use domain::ids::VerificationId;
use domain::time::Timestamp;
use domain::verification::{MAX_ATTEMPTS, Purpose};
use serde::Deserialize;
use std::str::FromStr;
use std::sync::LazyLock;

use super::record::{Progress, key};
use crate::cache::error::CacheError;
use crate::cache::round_trip::Cache;
use crate::cache::script::{LuaScript, NoArgs};
use crate::limits::check::RateLimitCheck;

static READ: LazyLock<LuaScript> =
    LazyLock::new(|| LuaScript::new("find_verification", &[include_str!("read.lua")]));

/// A verification that has not ended.
#[derive(Debug)]
pub struct Verification {
    pub purpose: Purpose,
    pub device: String,
    pub sealed_phone: String,
    pub verified: bool,
    pub expires_at: Timestamp,
    pub progress: Progress,
}

#[derive(Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
enum Reply {
    Ok { record: StoredRecord },
    Missing,
}

/// The record as the script returns it: Redis stores the fields of a hash as text.
#[derive(Deserialize)]
struct StoredRecord {
    purpose: String,
    device: String,
    phone: String,
    expires_at: String,
    code_expires_at: String,
    resend_at: String,
    attempts: String,
    verified: String,
}

impl StoredRecord {
    fn parse(self) -> Result<Verification, CacheError> {
        let time = |text: &str| number(text).map(Timestamp::from_millis);
        let purpose = Purpose::from_stored(&self.purpose);
        Ok(Verification {
            purpose: purpose.ok_or_else(|| READ.unexpected("a purpose"))?,
            verified: self.verified == "1",
            expires_at: time(&self.expires_at)?,
            progress: Progress {
                code_expires_at: time(&self.code_expires_at)?,
                resend_at: time(&self.resend_at)?,
                attempts_left: MAX_ATTEMPTS.saturating_sub(number(&self.attempts)?),
            },
            device: self.device,
            sealed_phone: self.phone,
        })
    }
}

fn number<T: FromStr>(text: &str) -> Result<T, CacheError> {
    text.parse().map_err(|_| READ.unexpected("a number"))
}

impl Cache {
    /// Reads a verification; none if it does not exist or has ended.
    pub async fn find_verification(
        &self,
        id: &VerificationId,
        check: &RateLimitCheck<'_>,
    ) -> Result<Option<Verification>, CacheError> {
        match self.run(&READ, Some(&key(id)), check, NoArgs {}).await? {
            Reply::Ok { record } => record.parse().map(Some),
            Reply::Missing => Ok(None),
        }
    }
}
