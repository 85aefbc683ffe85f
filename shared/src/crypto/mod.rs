//! Server-side cryptography with secrets of the operator: digests of what must be compared but
//! never read and encryption of what only this service reads again ([`pepper`], [`envelope`],
//! [`data_keys`]), the names of Redis keys ([`phone_index`]), and digests of identity keys that may not
//! come back ([`identity_index`]).

pub mod data_keys;
mod derive;
pub mod envelope;
pub mod identity_index;
mod key_set;
pub mod pepper;
pub mod phone_index;

pub use data_keys::{DataKeySet, DataKeys};
pub use derive::CryptoError;
pub use identity_index::{IdentityDigest, IdentityIndex};
pub use pepper::{Pepper, PepperKeys, PepperSet};
pub use phone_index::PhoneIndex;

/// Whether two texts are equal, in a time that does not depend on where they differ.
#[must_use]
pub fn constant_time_eq(a: &str, b: &str) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(a.as_bytes(), b.as_bytes()).is_ok()
}
