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
        if error.is_transient() { Self::unavailable(error) } else { Self::internal(error) }
    }
}

impl From<CacheError> for Problem {
    fn from(error: CacheError) -> Self {
        match &error {
            CacheError::Limited { wait, .. } => Self::retry(Code::RateLimited, *wait),
            CacheError::SmsPaused { wait } => Self::retry(Code::SmsPaused, *wait),
            CacheError::UnexpectedData { .. } => Self::internal(error),
            CacheError::Timeout { .. }
            | CacheError::Redis { .. }
            | CacheError::Cloud { .. }
            | CacheError::Unknown { .. }
            | CacheError::WithoutTls { .. } => Self::unavailable(error),
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
