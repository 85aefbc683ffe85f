//! Proof of possession: who publishes an identity key shows that it has the private half. A public
//! bundle, which anyone can fetch, is worth nothing under another account.

use crate::ids::VerificationId;
use sha2::{Digest, Sha256};

/// No key begins with a zero byte: a signature over a key is never a proof, nor the other way
/// round.
const PREFIX: &[u8] = b"\0whispr identity v1";
/// What the id in a proof is the id of: a verification, which a register or a log-in consumes.
const VERIFICATION: u8 = 1;

/// What the identity key signs (XEdDSA), 100 bytes: for this service alone, so that no other can
/// relay it; for one verification, so that it proves something once; and for the keys that are
/// published with it, by their digest.
#[must_use]
pub fn identity_proof_message(
    issuer: &str,
    verification: &VerificationId,
    keys_digest: &[u8; 32],
) -> Vec<u8> {
    [
        PREFIX,
        &Sha256::digest(issuer),
        &[VERIFICATION],
        verification.as_uuid().as_bytes(),
        keys_digest,
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_message_is_of_the_service_the_verification_and_the_keys() {
        let id = VerificationId::from_uuid(Uuid::from_bytes([7; 16]));
        let message = identity_proof_message("whispr-auth", &id, &[9; 32]);
        assert_eq!(message.len(), 100);
        assert_eq!(&message[..19], b"\0whispr identity v1");
        // From Python's hashlib.
        assert_eq!(message[19..23], [0x6a, 0xa6, 0x85, 0x41]);
        assert_eq!(message[51], 1);
        assert_eq!(message[52..68], [7; 16]);
        assert_eq!(message[68..], [9; 32]);
    }
}
