//! Why an uploaded key or signature is refused.

use thiserror::Error;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeyError {
    #[error("is not base64")]
    NotBase64,
    #[error("must be 33 bytes with type byte 5, or 32")]
    NotCurve,
    #[error("must be 1569 bytes with type byte 8")]
    NotKyber,
    #[error("must be 64 bytes")]
    NotSignature,
    #[error("is not the canonical encoding of a point")]
    NotCanonical,
    #[error("is a point of small order")]
    SmallOrder,
    #[error("has a coefficient above 3328")]
    Coefficient,
}
