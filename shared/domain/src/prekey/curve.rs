//! Which u-coordinates of Curve25519 (RFC 7748) are taken as public keys.
//!
//! Each point has one encoding here, so that equal keys are equal bytes. Points of small
//! order are refused: a secret agreed with one is known to everyone. All others are
//! taken, on the curve or on its twist, as X25519 itself does.

use super::error::KeyError;

/// A little-endian number by its lowest byte, the thirty between, and its highest.
const fn number(lowest: u8, between: u8, highest: u8) -> [u8; 32] {
    let mut bytes = [between; 32];
    bytes[0] = lowest;
    bytes[31] = highest;
    bytes
}

/// The field's prime, 2²⁵⁵ − 19.
const P: [u8; 32] = number(0xed, 0xff, 0x7f);

/// Every u whose points, on the curve or on its twist, have an order of 1, 2, 4 or 8.
pub(super) const SMALL_ORDER: [[u8; 32]; 5] = [
    // 0: order 2 on both.
    number(0x00, 0x00, 0x00),
    // 1: order 4 on the curve.
    number(0x01, 0x00, 0x00),
    // p − 1: order 4 on the twist.
    number(0xec, 0xff, 0x7f),
    // The two of order 8, on the curve.
    [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4,
        0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49,
        0xb8, 0x00,
    ],
    [
        0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef,
        0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f,
        0x11, 0x57,
    ],
];

/// Refuses what is no public key. The keys are public: time may tell which.
pub(super) fn check(u: &[u8; 32]) -> Result<(), KeyError> {
    // A set top bit makes a number far above p.
    if !u.iter().rev().lt(P.iter().rev()) {
        return Err(KeyError::NotCanonical);
    }
    if SMALL_ORDER.contains(u) {
        return Err(KeyError::SmallOrder);
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use curve25519_dalek::constants::EIGHT_TORSION;
    use curve25519_dalek::montgomery::MontgomeryPoint;
    use std::collections::BTreeSet;

    /// Order of the curve's large subgroup, ℓ = 2²⁵² + …, the highest byte first.
    const CURVE_PRIME: [u8; 32] = [
        0x10, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x14, 0xde, 0xf9, 0xde, 0xa2, 0xf7, 0x9c, 0xd6, 0x58, 0x12, 0x63, 0x1a, 0x5c, 0xf5,
        0xd3, 0xed,
    ];
    /// Order of the twist's: a quarter of 2p + 2 − 8ℓ.
    const TWIST_PRIME: [u8; 32] = [
        0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xd6, 0x42, 0x0c, 0x42, 0xba, 0x10, 0xc6, 0x53, 0x4f, 0xdb, 0x39, 0xcb, 0x46, 0x14,
        0x58, 0x1d,
    ];

    /// The Montgomery ladder. The neutral point comes out as 0, as the point of order 2 does.
    fn times(u: [u8; 32], scalar: &[u8]) -> [u8; 32] {
        let bits = scalar.iter().flat_map(|byte| (0..8).rev().map(move |n| (byte >> n) & 1 == 1));
        MontgomeryPoint(u).mul_bits_be(bits).0
    }

    fn small(u: u64) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&u.to_le_bytes());
        bytes
    }

    /// p − 1, p, p + 1 … 2²⁵⁵ − 1, by how far above p.
    pub(in crate::prekey) fn above_p(by: u8) -> [u8; 32] {
        number(0xed + by, 0xff, 0x7f)
    }

    #[test]
    fn eight_times_each_point_of_small_order_is_neutral() {
        for u in SMALL_ORDER {
            assert_eq!(times(u, &[8]), [0; 32], "{u:x?}");
            // 0 is the point of order 2, too: had it taken eight times to come there, the
            // order would be 16.
            assert_eq!(times(u, &[4]), [0; 32], "{u:x?}");
        }
        assert_ne!(times(small(9), &[8]), [0; 32], "the base point");
        assert_ne!(times(small(2), &[8]), [0; 32], "a point of the twist");
    }

    #[test]
    fn no_point_of_small_order_is_missing() {
        // Multiplied by both primes, a point keeps just its part of small order, whichever
        // of the two curves it is on. Many points have every such part among them.
        let parts: BTreeSet<_> =
            (2..300).map(|u| times(times(small(u), &CURVE_PRIME), &TWIST_PRIME)).collect();
        assert_eq!(parts, BTreeSet::from(SMALL_ORDER));
    }

    #[test]
    fn the_curves_own_are_those_that_the_library_lists() {
        let listed: BTreeSet<_> = EIGHT_TORSION.iter().map(|p| p.to_montgomery().0).collect();
        let mut own = BTreeSet::from(SMALL_ORDER);
        own.remove(&number(0xec, 0xff, 0x7f));
        assert_eq!(listed, own);
    }

    #[test]
    fn points_of_small_order_are_refused() {
        for u in SMALL_ORDER {
            assert_eq!(check(&u), Err(KeyError::SmallOrder), "{u:x?}");
        }
    }

    #[test]
    fn a_number_not_below_p_is_refused() {
        for by in 0..=18 {
            assert_eq!(check(&above_p(by)), Err(KeyError::NotCanonical), "p + {by}");
        }
        for u in [small(0), small(9), number(0xeb, 0xff, 0x7f), above_p(18)] {
            let mut top = u;
            top[31] |= 0x80;
            assert_eq!(check(&top), Err(KeyError::NotCanonical), "{top:x?}");
        }
        // p − 2, the greatest that is taken, and its likes with one byte lower.
        assert_eq!(check(&number(0xeb, 0xff, 0x7f)), Ok(()));
        for n in 1..32 {
            let mut lower = above_p(18);
            lower[n] -= 1;
            assert_eq!(check(&lower), Ok(()), "byte {n}");
        }
    }
}
