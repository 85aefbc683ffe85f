//! Signed roots: what all heads of the audit chains were at an hour, under one signature that is made
//! outside of this service's reach. Whoever rewrites a chain later cannot also rewrite the root.
//!
//! A root is the root of a Merkle tree (RFC 9162) over the heads in the order of their users. The heads
//! stand in a file of their own, named after the root, so that single heads can be proven by a path.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use domain::hex::hex;
use domain::ids::UserId;
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

use crate::clock::date_time;

/// A user, the number of the newest entry, and its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub user: UserId,
    pub seq: i64,
    pub hash: [u8; 32],
}

/// Bytes of a head in a file.
const HEAD_BYTES: usize = 16 + 8 + 32;

type Hash = [u8; 32];

impl Head {
    fn bytes(&self) -> [u8; HEAD_BYTES] {
        let mut bytes = [0; HEAD_BYTES];
        bytes[..16].copy_from_slice(self.user.as_uuid().as_bytes());
        bytes[16..24].copy_from_slice(&self.seq.to_be_bytes());
        bytes[24..].copy_from_slice(&self.hash);
        bytes
    }

    fn leaf(&self) -> Hash {
        sha256(&[&[0], &self.bytes()])
    }
}

/// The file of the heads.
#[must_use]
pub fn write_heads(heads: &[Head]) -> Vec<u8> {
    heads.iter().flat_map(Head::bytes).collect()
}

/// The heads of such a file. None if it is none.
#[must_use]
pub fn read_heads(file: &[u8]) -> Option<Vec<Head>> {
    let (heads, rest) = file.as_chunks::<HEAD_BYTES>();
    let read = |bytes: &[u8; HEAD_BYTES]| {
        let user = Uuid::from_slice(&bytes[..16]).ok()?;
        let seq = i64::from_be_bytes(bytes[16..24].try_into().ok()?);
        let hash = bytes[24..].try_into().ok()?;
        Some(Head { user: UserId::from_uuid(user), seq, hash })
    };
    if rest.is_empty() { heads.iter().map(read).collect() } else { None }
}

fn sha256(parts: &[&[u8]]) -> Hash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, &parts.concat()).as_ref());
    hash
}

/// How many leaves stand on the left: the largest power of two that is smaller.
fn split(leaves: usize) -> usize {
    leaves.next_power_of_two() / 2
}

fn subtree(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => sha256(&[]),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            sha256(&[&[1], &subtree(left), &subtree(right)])
        }
    }
}

/// The root of the tree over these heads.
#[must_use]
pub fn merkle_root(heads: &[Head]) -> Hash {
    subtree(&heads.iter().map(Head::leaf).collect::<Vec<_>>())
}

/// What proves that the head at this place is below the root: the neighbours from the leaf up, each
/// with whether it stands on the left.
#[must_use]
pub fn merkle_path(heads: &[Head], place: usize) -> Vec<(bool, Hash)> {
    let leaves: Vec<Hash> = heads.iter().map(Head::leaf).collect();
    let (mut rest, mut place, mut path) = (&leaves[..], place, Vec::new());
    while rest.len() > 1 {
        let (left, right) = rest.split_at(split(rest.len()));
        if place < left.len() {
            path.push((false, subtree(right)));
            rest = left;
        } else {
            path.push((true, subtree(left)));
            place -= left.len();
            rest = right;
        }
    }
    path.reverse();
    path
}

/// The root to which a path leads from a head.
#[must_use]
pub fn root_of_path(head: &Head, path: &[(bool, Hash)]) -> Hash {
    path.iter().fold(head.leaf(), |below, (is_left, neighbour)| {
        let (left, right) = if *is_left { (neighbour, &below) } else { (&below, neighbour) };
        sha256(&[&[1], left, right])
    })
}

/// What a root says, before it is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RootStatement {
    /// When its hour began.
    pub hour: Timestamp,
    pub heads: usize,
    pub root: Hash,
}

impl RootStatement {
    #[must_use]
    pub fn new(hour: Timestamp, heads: &[Head]) -> Self {
        Self { hour, heads: heads.len(), root: merkle_root(heads) }
    }

    fn text(&self) -> String {
        let (hour, heads, root) = (self.hour.millis(), self.heads, hex(&self.root));
        format!("auth audit root 1\nhour {hour}\nheads {heads}\nroot {root}\n")
    }

    /// The digest that is signed (ECDSA over P-256).
    #[must_use]
    pub fn digest(&self) -> Hash {
        sha256(&[self.text().as_bytes()])
    }

    /// The name of the file of the heads, beside that of the root.
    #[must_use]
    pub fn heads_file(&self) -> String {
        format!("{}-{}.heads", file_name(self.hour), &hex(&self.root)[..16])
    }

    /// The name of the file of the root.
    #[must_use]
    pub fn root_file(&self) -> String {
        format!("{}.json", file_name(self.hour))
    }
}

/// `2026-11-28T19`
fn file_name(hour: Timestamp) -> String {
    date_time(hour).chars().take("2026-11-28T19".len()).collect()
}

/// A signature by the key of the roots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootSignature {
    /// Its ARN.
    pub key: String,
    /// `SubjectPublicKeyInfo`, DER.
    pub public_key: Vec<u8>,
    /// DER.
    pub signature: Vec<u8>,
}

/// The file of a root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignedRoot {
    version: u32,
    hour: i64,
    heads: usize,
    root: String,
    /// The file of the heads, in the same folder.
    pub heads_file: String,
    pub key: String,
    public_key: String,
    signature: String,
}

/// Why a root proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RootError {
    #[error("the file is not a root of this version")]
    Format,
    #[error("the signature of the root is not by this key")]
    Signature,
    #[error("the heads are not those of the root")]
    Heads,
}

const VERSION: u32 = 1;

impl SignedRoot {
    #[must_use]
    pub fn new(statement: &RootStatement, signature: RootSignature) -> Self {
        Self {
            version: VERSION,
            hour: statement.hour.millis(),
            heads: statement.heads,
            root: hex(&statement.root),
            heads_file: statement.heads_file(),
            key: signature.key,
            public_key: BASE64.encode(signature.public_key),
            signature: BASE64.encode(signature.signature),
        }
    }

    pub fn parse(file: &[u8]) -> Result<Self, RootError> {
        let root: Self = serde_json::from_slice(file).map_err(|_| RootError::Format)?;
        // It becomes a part of a path.
        let is_name = !root.heads_file.contains(['/', '\\'])
            && root.heads_file.strip_suffix(".heads").is_some();
        if root.version == VERSION && is_name { Ok(root) } else { Err(RootError::Format) }
    }

    /// The SHA-256 of its public key: who trusts the root compares it with that of the key in KMS.
    pub fn fingerprint(&self) -> Result<String, RootError> {
        let key = BASE64.decode(&self.public_key).map_err(|_| RootError::Format)?;
        Ok(hex(&sha256(&[&key])))
    }

    /// When its hour began.
    #[must_use]
    pub const fn hour(&self) -> Timestamp {
        Timestamp::from_millis(self.hour)
    }

    /// Checks the signature, and the file of the heads. Gives the heads.
    pub fn verify(&self, heads: &[u8]) -> Result<Vec<Head>, RootError> {
        let heads = read_heads(heads).ok_or(RootError::Heads)?;
        let statement = RootStatement::new(self.hour(), &heads);
        if heads.len() != self.heads || hex(&statement.root) != self.root {
            return Err(RootError::Heads);
        }
        let decode = |text: &String| BASE64.decode(text).map_err(|_| RootError::Format);
        let (key, signature) = (decode(&self.public_key)?, decode(&self.signature)?);
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key);
        let text = statement.text();
        key.verify(text.as_bytes(), &signature).map_err(|_| RootError::Signature)?;
        Ok(heads)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::encoding::AsDer as _;
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};

    fn heads(count: u8) -> Vec<Head> {
        let head = |n: u8| Head {
            user: UserId::from_uuid(Uuid::from_bytes([n; 16])),
            seq: i64::from(n) + 1,
            hash: [n; 32],
        };
        (0..count).map(head).collect()
    }

    fn signed(heads: &[Head]) -> SignedRoot {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let statement = RootStatement::new(Timestamp::from_millis(3_600_000), heads);
        let signature = pair.sign(&SystemRandom::new(), statement.text().as_bytes()).unwrap();
        let public_key = pair.public_key().as_der().unwrap().as_ref().to_vec();
        let signature = signature.as_ref().to_vec();
        SignedRoot::new(&statement, RootSignature { key: "key".into(), public_key, signature })
    }

    #[test]
    fn every_head_is_proven_by_its_path_and_no_other_is() {
        for count in 1..20 {
            let heads = heads(count);
            let root = merkle_root(&heads);
            for (place, head) in heads.iter().enumerate() {
                let path = merkle_path(&heads, place);
                assert_eq!(root_of_path(head, &path), root, "{place} of {count}");
                let other = Head { seq: head.seq + 1, ..*head };
                assert_ne!(root_of_path(&other, &path), root, "{place} of {count}");
            }
        }
    }

    #[test]
    fn a_root_holds_for_its_own_heads_alone() {
        let heads = heads(5);
        let (root, file) = (signed(&heads), write_heads(&heads));
        let root = SignedRoot::parse(&serde_json::to_vec(&root).unwrap()).unwrap();
        assert_eq!(root.verify(&file), Ok(heads));
        assert_eq!(root.heads_file.split('-').next(), Some("1970"));
        let mut changed = file.clone();
        changed[30] ^= 1;
        assert_eq!(root.verify(&changed), Err(RootError::Heads));
        assert_eq!(root.verify(&file[..file.len() - HEAD_BYTES]), Err(RootError::Heads));
        assert_eq!(root.verify(&file[1..]), Err(RootError::Heads));
    }

    #[test]
    fn a_root_of_another_key_or_hour_is_refused() {
        let heads = heads(3);
        let (root, other, file) = (signed(&heads), signed(&heads), write_heads(&heads));
        let refused = |root: SignedRoot| root.verify(&file).err();
        let stolen = SignedRoot { signature: other.signature.clone(), ..root.clone() };
        assert_eq!(refused(stolen), Some(RootError::Signature));
        assert_eq!(refused(SignedRoot { hour: 0, ..root.clone() }), Some(RootError::Signature));
        let outside = SignedRoot { heads_file: "../x.heads".into(), ..root.clone() };
        let outside = serde_json::to_vec(&outside).unwrap();
        assert_eq!(SignedRoot::parse(&outside), Err(RootError::Format));
        assert_ne!(root.fingerprint(), other.fingerprint());
    }
}
