//! The one mapping from errors to answers. A new variant does not compile until it is
//! decided here. Nothing is logged here: the edge logs a problem's cause, once.

use super::{Code, Problem};
use crate::cache::CacheError;
use crate::crypto::CryptoError;
use crate::sender::SendError;
use crate::store::StoreError;
use crate::tokens::TokenError;

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::UnexpectedData => Self::internal(error),
            StoreError::Statement(cause) if cause.as_db_error().is_some_and(is_invalid) => {
                Self::internal(error)
            }
            StoreError::Unreachable(_) | StoreError::Timeout | StoreError::Statement(_) => {
                Self::unavailable(error)
            }
        }
    }
}

/// A statement that can never succeed, as against a server that is shutting down, full, or
/// chose this transaction to end a deadlock. Classes as in PostgreSQL's appendix A.
fn is_invalid(error: &tokio_postgres::error::DbError) -> bool {
    let class = error.code().code().get(..2).unwrap_or_default();
    matches!(class, "22" | "23" | "42")
}

impl From<CacheError> for Problem {
    fn from(error: CacheError) -> Self {
        match &error {
            CacheError::Limited { limit, wait } => {
                let code = if limit.is_sms_budget() { Code::SmsPaused } else { Code::RateLimited };
                Self::retry(code, *wait)
            }
            CacheError::SmsPaused { wait } => Self::retry(Code::SmsPaused, *wait),
            CacheError::UnexpectedData { .. } => Self::internal(error),
            CacheError::Timeout { .. } | CacheError::Redis { .. } => Self::unavailable(error),
        }
    }
}

impl From<CryptoError> for Problem {
    fn from(error: CryptoError) -> Self {
        match error {
            // Encrypted with an earlier pepper: for the client, the verification is over.
            CryptoError::Decryption => Self::new(Code::VerificationInvalid),
            CryptoError::Encryption | CryptoError::KeyDerivation => Self::internal(error),
        }
    }
}

impl From<SendError> for Problem {
    fn from(error: SendError) -> Self {
        Self::caused(Code::SmsFailed, error)
    }
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Invalid => Self::new(Code::TokenInvalid),
            TokenError::Expired => Self::new(Code::TokenExpired),
            TokenError::SigningFailed => Self::internal(error),
        }
    }
}
