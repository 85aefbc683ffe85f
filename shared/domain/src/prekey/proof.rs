//! Proof of possession: who publishes an identity key shows that it has the private half. A public
//! bundle, which anyone can fetch, is worth nothing under another account.

use crate::ids::{QrLoginId, VerificationId};
use sha2::{Digest, Sha256};

/// No key begins with a zero byte: a signature over a key is never a proof, nor the other way
/// round.
const PREFIX: &[u8] = b"\0whispr identity v1";

/// What a proof is for. It is worth nothing for anything else.
#[derive(Clone, Copy, Debug)]
pub enum ProofPurpose<'a> {
    /// A verification, which a register or a log-in consumes.
    Verification(&'a VerificationId),
    /// The scan of a challenge: its SHA-256.
    Scan(&'a [u8; 32]),
    /// A link that a new device shows.
    Link(&'a QrLoginId),
}

impl ProofPurpose<'_> {
    /// The byte of the purpose. 2 is for sessions.
    const fn number(self) -> u8 {
        match self {
            Self::Verification(_) => 1,
            Self::Scan(_) => 3,
            Self::Link(_) => 4,
        }
    }

    const fn id(&self) -> &[u8] {
        match self {
            Self::Verification(id) => id.as_uuid().as_bytes(),
            Self::Scan(digest) => *digest,
            Self::Link(id) => id.as_uuid().as_bytes(),
        }
    }
}

/// What the identity key signs (XEdDSA): for this service alone, so that no other can relay it; for
/// one purpose and one id, so that it proves something once; and for the keys that are published
/// with it, by their digest. 100 bytes, and 116 for a scan.
#[must_use]
pub fn identity_proof_message(
    issuer: &str,
    purpose: ProofPurpose<'_>,
    keys_digest: &[u8; 32],
) -> Vec<u8> {
    [PREFIX, &Sha256::digest(issuer), &[purpose.number()], purpose.id(), keys_digest].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_message_is_of_the_service_the_purpose_and_the_keys() {
        fn of(purpose: ProofPurpose<'_>) -> Vec<u8> {
            identity_proof_message("whispr-auth", purpose, &[9; 32])
        }
        let id = VerificationId::from_uuid(Uuid::from_bytes([7; 16]));
        let message = of(ProofPurpose::Verification(&id));
        assert_eq!(message.len(), 100);
        assert_eq!(&message[..19], b"\0whispr identity v1");
        // From Python's hashlib.
        assert_eq!(message[19..23], [0x6a, 0xa6, 0x85, 0x41]);
        assert_eq!(message[51], 1);
        assert_eq!(message[52..68], [7; 16]);
        assert_eq!(message[68..], [9; 32]);
        let link = of(ProofPurpose::Link(&QrLoginId::from_uuid(*id.as_uuid())));
        assert_eq!(link[51], 4);
        assert_eq!([&link[..51], &link[52..]], [&message[..51], &message[52..]]);
        let scan = of(ProofPurpose::Scan(&[8; 32]));
        assert_eq!((scan.len(), scan[51]), (116, 3));
        assert_eq!(scan[52..84], [8; 32]);
        assert_eq!(scan[84..], [9; 32]);
    }
}
