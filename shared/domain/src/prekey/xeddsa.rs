//! XEdDSA, as Signal specifies it (<https://signal.org/docs/specifications/xeddsa/>):
//! signatures by keys made for Diffie-Hellman. A key is a u-coordinate, which two
//! Edwards points share, each the other's negative; the apps tell which of them signed
//! by a bit of the signature that Ed25519 leaves at zero. From there on it is Ed25519
//! (RFC 8032) without a cofactor: R is compared as bytes, and s must be canonical.

use super::keys::{IdentityKey, PublicKey, Signature};
use curve25519_dalek::montgomery::MontgomeryPoint;
use ed25519_dalek::{Verifier as _, VerifyingKey};
use std::sync::OnceLock;

/// Checks signatures by one identity key. Build it once for all of a device's keys: it
/// keeps the Edwards point, whose making costs a third of a check.
#[derive(Debug)]
pub struct SignatureVerifier {
    u: MontgomeryPoint,
    /// By sign. An app signs with one of the two alone, so the other is rarely made.
    /// `None` where there is no key.
    keys: [OnceLock<Option<VerifyingKey>>; 2],
}

impl SignatureVerifier {
    #[must_use]
    pub(super) fn new(key: &PublicKey) -> Self {
        Self { u: MontgomeryPoint(key.u()), keys: [OnceLock::new(), OnceLock::new()] }
    }

    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &Signature) -> bool {
        let mut bytes = *signature.as_bytes();
        let sign = bytes[63] >> 7;
        bytes[63] &= 0x7f;
        self.key(sign).is_some_and(|key| {
            key.verify(message, &ed25519_dalek::Signature::from_bytes(&bytes)).is_ok()
        })
    }

    /// None on the twist, where u has no Edwards point, and none of small order, for
    /// which anyone could sign.
    fn key(&self, sign: u8) -> Option<&VerifyingKey> {
        let key = || self.u.to_edwards(sign).map(VerifyingKey::from).filter(|key| !key.is_weak());
        self.keys[usize::from(sign)].get_or_init(key).as_ref()
    }
}

impl IdentityKey {
    #[must_use]
    pub fn verifier(&self) -> SignatureVerifier {
        SignatureVerifier::new(self.public())
    }
}

#[cfg(test)]
mod tests {
    use super::super::curve::SMALL_ORDER;
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use curve25519_dalek::constants::ED25519_BASEPOINT_POINT;
    use curve25519_dalek::edwards::EdwardsPoint;
    use curve25519_dalek::scalar::Scalar;

    /// Of any u at all: what [`PublicKey`] refuses, too.
    fn verifier(u: [u8; 32]) -> SignatureVerifier {
        SignatureVerifier { u: MontgomeryPoint(u), keys: Default::default() }
    }

    fn signature(bytes: &[u8; 64]) -> Signature {
        Signature::parse(STANDARD.encode(bytes)).unwrap()
    }

    /// A signature that Ed25519 itself accepts from a key of small order, made without any
    /// private key: one message in eight, at worst, has a hash that the key's order divides.
    fn forge(key: &VerifyingKey, sign: u8) -> ([u8; 1], Signature) {
        let s = Scalar::from(5_u8);
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice((ED25519_BASEPOINT_POINT * s).compress().as_bytes());
        bytes[32..].copy_from_slice(s.as_bytes());
        let ed25519 = ed25519_dalek::Signature::from_bytes(&bytes);
        let message = (0..=255).map(|n| [n]).find(|m| key.verify(m, &ed25519).is_ok()).unwrap();
        bytes[63] |= sign << 7;
        (message, signature(&bytes))
    }

    #[test]
    fn a_signature_forged_against_an_identity_of_small_order_is_refused() {
        let mut forged = 0;
        for u in SMALL_ORDER {
            for sign in [0, 1] {
                // None for p − 1 alone, which is on the twist.
                let Some(point) = MontgomeryPoint(u).to_edwards(sign) else { continue };
                let (message, signature) = forge(&VerifyingKey::from(point), sign);
                assert!(!verifier(u).verifies(&message, &signature), "{u:x?}");
                forged += 1;
            }
        }
        assert_eq!(forged, 8);
    }

    #[test]
    fn a_key_has_two_points_and_signs_with_either() {
        let secret = Scalar::from(7_u8);
        for secret in [secret, -secret] {
            let point = ED25519_BASEPOINT_POINT * secret;
            let sign = point.compress().as_bytes()[31] >> 7;
            let mut bytes = sign_with(secret, &point, b"message");
            let verifier = verifier(point.to_montgomery().0);
            bytes[63] |= sign << 7;
            assert!(verifier.verifies(b"message", &signature(&bytes)));
            bytes[63] ^= 0x80;
            assert!(!verifier.verifies(b"message", &signature(&bytes)));
        }
    }

    /// Ed25519 with a fixed nonce.
    fn sign_with(secret: Scalar, point: &EdwardsPoint, message: &[u8]) -> [u8; 64] {
        use sha2::{Digest, Sha512};
        let nonce = Scalar::from(11_u8);
        let commitment = (ED25519_BASEPOINT_POINT * nonce).compress();
        let hash = Sha512::new()
            .chain_update(commitment.as_bytes())
            .chain_update(point.compress().as_bytes())
            .chain_update(message)
            .finalize();
        let s = nonce + Scalar::from_bytes_mod_order_wide(&hash.into()) * secret;
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice(commitment.as_bytes());
        bytes[32..].copy_from_slice(s.as_bytes());
        bytes
    }

    #[test]
    fn an_identity_on_the_twist_verifies_nothing() {
        let mut twisted = 0;
        for first in 2..100 {
            let mut u = [0; 32];
            u[0] = first;
            let verifier = verifier(u);
            if verifier.key(0).is_some() {
                continue;
            }
            twisted += 1;
            // It can be uploaded, and no signature will fit it.
            assert!(PublicKey::parse(STANDARD.encode(u)).is_ok());
            assert!(verifier.key(1).is_none());
            let mut neutral = [0; 64];
            neutral[0] = 1;
            for mut bytes in
                [[0; 64], neutral, sign_with(Scalar::ONE, &ED25519_BASEPOINT_POINT, b"")]
            {
                assert!(!verifier.verifies(b"", &signature(&bytes)));
                bytes[63] ^= 0x80;
                assert!(!verifier.verifies(b"", &signature(&bytes)));
            }
        }
        assert!((30..70).contains(&twisted), "about half are: {twisted}");
    }
}
