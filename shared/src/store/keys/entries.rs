//! One-time keys as bytes of a page: what `auth.prekey_pages` stores of an upload, and what a
//! take reads of it.

use domain::prekey::{KYBER_LENGTH, KyberKey, KyberPrekey, Prekey, Spelling};

use super::kind::{EC, KYBER, OneTimeKeyKind};
use crate::store::statement::Parameter;

/// A key with its id, in the text in which it came.
#[derive(Clone, Debug)]
pub struct StoredKey {
    pub id: i32,
    pub key: String,
}

#[derive(Clone, Debug)]
pub struct StoredKyberKey {
    pub id: i32,
    pub key: KyberKey,
    pub signature: String,
    /// Not one-time: others have been given it too.
    pub last_resort: bool,
}

/// The keys of an upload, as a page stores them.
pub(in crate::store) struct KeyPage {
    kind: OneTimeKeyKind,
    hashes: Vec<Vec<u8>>,
    keys: Vec<u8>,
}

impl KeyPage {
    fn new(kind: OneTimeKeyKind, count: usize) -> Self {
        let keys = Vec::with_capacity(count * kind.width);
        Self { kind, hashes: Vec::with_capacity(count), keys }
    }

    pub(in crate::store) fn ec(keys: &[Prekey]) -> Self {
        let mut page = Self::new(EC, keys.len());
        for Prekey { id, key } in keys {
            page.push(id.get(), key.spelling(), key.hash(), key.as_bytes());
        }
        page
    }

    pub(super) fn kyber(keys: &[KyberPrekey]) -> Self {
        let mut page = Self::new(KYBER, keys.len());
        for KyberPrekey { id, key, signature } in keys {
            page.push(id.get(), signature.spelling(), key.hash(), key.as_bytes());
            page.keys.extend_from_slice(signature.as_bytes());
        }
        page
    }

    fn push(&mut self, id: i32, spelling: Spelling, hash: [u8; 16], key: &[u8]) {
        self.hashes.push(hash.to_vec());
        self.keys.extend_from_slice(&id.to_be_bytes());
        self.keys.push(spelling.get());
        self.keys.extend_from_slice(key);
    }

    /// The hashes one after another, the keys, and bytes per key.
    pub(in crate::store) fn into_stored(self) -> (Vec<u8>, Vec<u8>, usize) {
        (self.hashes.concat(), self.keys, self.kind.width)
    }

    /// The values of [`OneTimeKeyKind::types`].
    pub(super) fn parameters(&self) -> [Parameter<'_>; 2] {
        [(self.kind.hashes, &self.hashes), (self.kind.keys, &self.keys)]
    }
}

/// A key as a page stores it; `None` if it is not one.
pub(super) fn read_ec(entry: &[u8]) -> Option<StoredKey> {
    let (id, spelling, key) = read_entry(EC, entry)?;
    Some(StoredKey { id, key: spelling.public_key(key) })
}

/// The same of a Kyber key.
pub(super) fn read_kyber(entry: &[u8]) -> Option<StoredKyberKey> {
    let (id, spelling, rest) = read_entry(KYBER, entry)?;
    let (key, signature) = rest.split_at_checked(KYBER_LENGTH)?;
    Some(StoredKyberKey {
        id,
        key: KyberKey::from_stored(key.to_vec()),
        signature: spelling.signature(signature),
        last_resort: false,
    })
}

fn read_entry(kind: OneTimeKeyKind, entry: &[u8]) -> Option<(i32, Spelling, &[u8])> {
    let (id, rest) = entry.split_first_chunk()?;
    let (spelling, key) = rest.split_first()?;
    let whole = entry.len() == kind.width;
    whole.then_some((i32::from_be_bytes(*id), Spelling::from_stored(*spelling), key))
}
