//! Why a step of a rotation fails. Secrets Manager repeats it, and shows that the rotation waits.

use shared::cloud::CloudError;
use std::time::Duration;
use thiserror::Error;

#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RotationError {
    #[error("the secret has no such version")]
    UnknownVersion,
    #[error("the version is not pending")]
    NotPending,
    #[error("the version has no value: createSecret comes first")]
    NotCreated,
    #[error("the secret has no value in use")]
    NoCurrent,
    #[error("the tag auth:rotates must be jwt-keys, pepper or data-keys")]
    UnknownKind,
    #[error("the tag auth:public-keys must name the secret of the public keys")]
    NoPublicKeys,
    #[error("the tag auth:announcement-hours must be a number of hours, 1 to 720")]
    BadAnnouncement,
    #[error("the keys {0}")]
    Malformed(&'static str),
    #[error("the public keys {0}")]
    MalformedPublicKeys(&'static str),
    #[error("the next key must be known for {} minutes more before it is used", .0.as_secs().div_ceil(60))]
    TooEarly(Duration),
    #[error("the next key is not among the public keys")]
    Unpublished,
    #[error("the pending keys do not follow those in use: another change came between")]
    NotFollowing,
    #[error(transparent)]
    Cloud(#[from] CloudError),
}
