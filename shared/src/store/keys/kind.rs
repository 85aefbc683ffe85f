//! The two kinds of one-time keys, treated alike.

use domain::prekey::{CURVE_LENGTH, KYBER_LENGTH, SIGNATURE_LENGTH};
use tokio_postgres::types::Type;

/// A kind of one-time key.
#[derive(Clone, Copy, Debug)]
pub(super) struct OneTimeKeyKind {
    /// In `prekey_pages` and `used_prekeys`.
    pub(super) number: i16,
    /// Bytes per key.
    pub(super) width: usize,
    /// The kinds of used keys that are never handed out as one of these.
    pub(super) barred_by: &'static str,
    /// Names of CTEs and parameters begin with it.
    pub(super) name: &'static str,
    /// The parameters of an upload: the hash of each key, and all keys in one value.
    pub(super) hashes: &'static str,
    pub(super) keys: &'static str,
}

/// A key's id and its spelling.
const PREFIX: usize = 5;

pub(super) const EC: OneTimeKeyKind = OneTimeKeyKind {
    number: 1,
    width: PREFIX + CURVE_LENGTH,
    barred_by: "1",
    name: "ec",
    hashes: "ec_hashes",
    keys: "ec_keys",
};

pub(super) const KYBER: OneTimeKeyKind = OneTimeKeyKind {
    number: 2,
    width: PREFIX + KYBER_LENGTH + SIGNATURE_LENGTH,
    barred_by: "2, 3",
    name: "kyber",
    hashes: "kyber_hashes",
    keys: "kyber_keys",
};

/// The kind of a last-resort key among the used keys.
pub(super) const LAST_RESORT: i16 = 3;

impl OneTimeKeyKind {
    /// The types of an upload's parameters.
    pub(super) fn types(self) -> [(&'static str, Type); 2] {
        [(self.hashes, Type::BYTEA_ARRAY), (self.keys, Type::BYTEA)]
    }
}
