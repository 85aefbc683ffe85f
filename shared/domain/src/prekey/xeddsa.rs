//! XEdDSA, as Signal specifies it (<https://signal.org/docs/specifications/xeddsa/>):
//! signatures by keys made for Diffie-Hellman. A key is a u-coordinate, which two
//! Edwards points share, each the other's negative; the apps tell which of them signed
//! by a bit of the signature that Ed25519 leaves at zero. From there on it is Ed25519
//! (RFC 8032) without a cofactor: R is compared as bytes, and s must be canonical.
//!
//! Many signatures by one key share tables of multiples of the key and of the base point.
//! The equation stays that of a single signature: s·B − k·A is computed for each, and its
//! encoding must be R, byte for byte. So a list accepts what single checks accept and
//! nothing else, and names what it refuses. A random linear combination of all equations
//! would be cheaper still, and wrong: it misses two signatures whose R differ from the right
//! ones by points of order 2, in one of two cases, or always if multiplied by the cofactor.
//! Proving that each R has no such part costs more than the combination saves.

use super::fixed_base::FixedBase;
use super::keys::{IdentityKey, PublicKey, Signature};
use curve25519_dalek::constants::ED25519_BASEPOINT_POINT;
use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::montgomery::MontgomeryPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::Identity as _;
use ed25519_dalek::{Verifier as _, VerifyingKey};
use sha2::{Digest as _, Sha512};
use std::sync::{LazyLock, OnceLock};

/// From so many signatures on, a table of the key's multiples costs less than it saves.
const MIN_SHARED: usize = 20;

/// Of the base point: 0.4 MB, made on the first use in half a millisecond.
static BASE: LazyLock<FixedBase<7>> = LazyLock::new(|| FixedBase::new(ED25519_BASEPOINT_POINT));

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

    /// Checks many signatures, each with its message. The same result as [`Self::verifies`] of
    /// each, at less than two thirds of the cost.
    #[must_use]
    pub fn verify_all(&self, signed: &[(&[u8], &Signature)]) -> Vec<bool> {
        let mut verified = vec![false; signed.len()];
        for sign in [0, 1] {
            let of_sign = |n: &usize| signed[*n].1.as_bytes()[63] >> 7 == sign;
            let places: Vec<usize> = (0..signed.len()).filter(of_sign).collect();
            if places.len() < MIN_SHARED {
                for place in places {
                    let (message, signature) = signed[place];
                    verified[place] = self.verifies(message, signature);
                }
            } else if let Some(key) = self.key(sign) {
                verify_shared(key, signed, &places, &mut verified);
            }
        }
        verified
    }

    /// None on the twist, where u has no Edwards point, and none of small order, for
    /// which anyone could sign.
    fn key(&self, sign: u8) -> Option<&VerifyingKey> {
        let key = || self.u.to_edwards(sign).map(VerifyingKey::from).filter(|key| !key.is_weak());
        self.keys[usize::from(sign)].get_or_init(key).as_ref()
    }
}

/// Checks the signatures at `places`, which have the sign of `key`.
fn verify_shared(
    key: &VerifyingKey,
    signed: &[(&[u8], &Signature)],
    places: &[usize],
    verified: &mut [bool],
) {
    let negative = FixedBase::<5>::new(-key.to_edwards());
    let mut checked = Vec::with_capacity(places.len());
    let mut commitments = Vec::with_capacity(places.len());
    for &place in places {
        let (message, signature) = signed[place];
        let (r, s) = halves(signature);
        // A scalar that is not canonical is refused.
        let Some(s) = Option::<Scalar>::from(Scalar::from_canonical_bytes(s)) else { continue };
        let hash = Sha512::new().chain_update(r).chain_update(key.as_bytes()).chain_update(message);
        let k = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
        let sum = negative.add_multiple(EdwardsPoint::identity(), &k);
        commitments.push(BASE.add_multiple(sum, &s));
        checked.push((place, r));
    }
    // One inversion for all.
    let encoded = EdwardsPoint::compress_batch_alloc(&commitments);
    for ((place, r), encoded) in checked.into_iter().zip(encoded) {
        verified[place] = *encoded.as_bytes() == r;
    }
}

/// R and s, without the sign of the key.
fn halves(signature: &Signature) -> ([u8; 32], [u8; 32]) {
    let (mut r, mut s) = ([0; 32], [0; 32]);
    r.copy_from_slice(&signature.as_bytes()[..32]);
    s.copy_from_slice(&signature.as_bytes()[32..]);
    s[31] &= 0x7f;
    (r, s)
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
    use curve25519_dalek::constants::EIGHT_TORSION;
    use proptest::prelude::*;

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

    /// A signature whose R is off by a point of small order, made with the private key: the
    /// equation holds once it is multiplied by the cofactor, and not before.
    fn off_by(secret: Scalar, point: &EdwardsPoint, torsion: &EdwardsPoint, n: u8) -> [u8; 64] {
        let nonce = Scalar::from(1000_u16) + Scalar::from(n);
        let r = (ED25519_BASEPOINT_POINT * nonce + torsion).compress();
        let hash = Sha512::new()
            .chain_update(r.as_bytes())
            .chain_update(point.compress().as_bytes())
            .chain_update([n])
            .finalize();
        let s = nonce + Scalar::from_bytes_mod_order_wide(&hash.into()) * secret;
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice(r.as_bytes());
        bytes[32..].copy_from_slice(s.as_bytes());
        bytes[63] |= point.compress().as_bytes()[31] & 0x80;
        bytes
    }

    /// A list with each signature's own check beside.
    fn both(verifier: &SignatureVerifier, list: &[(Vec<u8>, Signature)]) -> (Vec<bool>, Vec<bool>) {
        let signed: Vec<(&[u8], &Signature)> =
            list.iter().map(|(message, signature)| (message.as_slice(), signature)).collect();
        let single = signed.iter().map(|(message, one)| verifier.verifies(message, one)).collect();
        (verifier.verify_all(&signed), single)
    }

    #[test]
    fn a_list_refuses_what_is_off_by_a_point_of_small_order() {
        for secret in [Scalar::from(7_u8), -Scalar::from(7_u8)] {
            let point = ED25519_BASEPOINT_POINT * secret;
            let verifier = verifier(point.to_montgomery().0);
            for torsion in EIGHT_TORSION {
                // All of them are off by the same: any sum of an even number cancels order 2.
                let list: Vec<_> = (0..40)
                    .map(|n| (vec![n], signature(&off_by(secret, &point, &torsion, n))))
                    .collect();
                let (all, single) = both(&verifier, &list);
                let right = torsion == EdwardsPoint::identity();
                assert_eq!(all, vec![right; 40]);
                assert_eq!(all, single);
                // And two among good ones, whose errors cancel each other.
                let mut list: Vec<_> = (0..40)
                    .map(|n| (vec![n], signature(&off_by(secret, &point, &EIGHT_TORSION[0], n))))
                    .collect();
                list[3].1 = signature(&off_by(secret, &point, &torsion, 3));
                list[31].1 = signature(&off_by(secret, &point, &-torsion, 31));
                let (all, single) = both(&verifier, &list);
                let refused: Vec<_> = (0..40).filter(|n| !all[*n]).collect();
                assert_eq!(refused, if right { vec![] } else { vec![3, 31] });
                assert_eq!(all, single);
            }
        }
    }

    #[test]
    fn a_list_refuses_other_encodings_of_r_and_s() {
        let secret = Scalar::from(7_u8);
        let point = ED25519_BASEPOINT_POINT * secret;
        let verifier = verifier(point.to_montgomery().0);
        let good = |n| off_by(secret, &point, &EIGHT_TORSION[0], n);
        let mut list: Vec<_> = (0..30).map(|n| (vec![n], signature(&good(n)))).collect();
        // s + the order.
        let mut s = good(4);
        let order: [u8; 32] = [
            0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9,
            0xde, 0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
        ];
        let mut carry = 0;
        for (byte, add) in s[32..].iter_mut().zip(order) {
            let sum = u16::from(*byte) + u16::from(add) + carry;
            *byte = sum.to_le_bytes()[0];
            carry = sum >> 8;
        }
        list[4].1 = signature(&s);
        // R the neutral point as y = 1, as y = p + 1, and with a set sign: the equation is
        // s = k · secret. Only the first is an encoding of it.
        let mut neutral = [[0; 32]; 3];
        neutral[0][0] = 1;
        neutral[1] = [0xff; 32];
        (neutral[1][0], neutral[1][31]) = (0xee, 0x7f);
        neutral[2] = neutral[0];
        neutral[2][31] = 0x80;
        for (r, n) in neutral.into_iter().zip(10_u8..) {
            let hash = Sha512::new()
                .chain_update(r)
                .chain_update(point.compress().as_bytes())
                .chain_update([n])
                .finalize();
            let s = Scalar::from_bytes_mod_order_wide(&hash.into()) * secret;
            let mut bytes = [0; 64];
            bytes[..32].copy_from_slice(&r);
            bytes[32..].copy_from_slice(s.as_bytes());
            bytes[63] |= point.compress().as_bytes()[31] & 0x80;
            list[usize::from(n)].1 = signature(&bytes);
        }
        let (all, single) = both(&verifier, &list);
        assert_eq!(all, single);
        let refused: Vec<_> = (0..30).filter(|n| !all[*n]).collect();
        assert_eq!(refused, [4, 11, 12]);
    }

    #[test]
    fn a_list_may_hold_both_signs() {
        // Whoever knows the private key of one point knows that of its negative.
        let secret = Scalar::from(7_u8);
        let point = ED25519_BASEPOINT_POINT * secret;
        let verifier = verifier(point.to_montgomery().0);
        for other in [0_u8, 5, 30] {
            let list: Vec<_> = (0..60)
                .map(|n| {
                    let negative = n < other;
                    let (secret, point) =
                        if negative { (-secret, -point) } else { (secret, point) };
                    let mut bytes = off_by(secret, &point, &EIGHT_TORSION[0], n);
                    if n % 10 == 9 {
                        bytes[63] ^= 0x80;
                    }
                    (vec![n], signature(&bytes))
                })
                .collect();
            let (all, single) = both(&verifier, &list);
            assert_eq!(all, single);
            assert_eq!(all, (0..60).map(|n| n % 10 != 9).collect::<Vec<_>>());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        /// Any list, with any of its bytes changed: each signature is judged as if alone.
        #[test]
        fn a_list_is_judged_as_its_signatures_are(
            seed in 1_u64..,
            length in 0_usize..70,
            changes in prop::collection::vec((0_usize..70, 0_usize..66, 1_u8..), 0..8),
        ) {
            let secret = Scalar::from(seed);
            let point = ED25519_BASEPOINT_POINT * secret;
            let verifier = verifier(point.to_montgomery().0);
            let mut list: Vec<_> = (0_u8..)
                .take(length)
                .map(|n| (vec![n, n], good_signature(secret, &point, n)))
                .collect();
            for (place, byte, change) in changes {
                let Some((message, bytes)) = list.get_mut(place) else { continue };
                match byte.checked_sub(64) {
                    Some(at) => message[at] ^= change,
                    None => bytes[byte] ^= change,
                }
            }
            let list: Vec<_> = list.into_iter().map(|(m, bytes)| (m, signature(&bytes))).collect();
            let (all, single) = both(&verifier, &list);
            prop_assert_eq!(all, single);
        }
    }

    /// A good signature over `[n, n]`.
    fn good_signature(secret: Scalar, point: &EdwardsPoint, n: u8) -> [u8; 64] {
        let mut bytes = sign_with(secret, point, &[n, n]);
        bytes[63] |= point.compress().as_bytes()[31] & 0x80;
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
