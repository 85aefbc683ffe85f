//! Multiples of one point, computed once for many scalar multiplications. With them a
//! multiplication is additions alone, a third of the work. Not in constant time: for public
//! points and scalars.

use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::Scalar;

/// For each window of `WIDTH` bits of a scalar, the window's place value times 1 to
/// 2^(`WIDTH` − 1). Digits above that are negative, with a carry into the next window.
pub(super) struct FixedBase<const WIDTH: usize>(Vec<EdwardsPoint>);

impl<const WIDTH: usize> FixedBase<WIDTH> {
    const RADIX: usize = 1 << WIDTH;
    const HALF: usize = Self::RADIX / 2;
    /// A scalar has 253 bits. One more, so that the last window has no carry.
    const WINDOWS: usize = 254_usize.div_ceil(WIDTH);

    pub(super) fn new(point: EdwardsPoint) -> Self {
        let mut multiples = Vec::with_capacity(Self::WINDOWS * Self::HALF);
        let mut place = point;
        for _ in 0..Self::WINDOWS {
            let mut multiple = place;
            multiples.push(multiple);
            for _ in 1..Self::HALF {
                multiple += place;
                multiples.push(multiple);
            }
            // 2^(WIDTH − 1) times the place value, twice.
            place = multiple + multiple;
        }
        Self(multiples)
    }

    /// The sum of `sum` and `scalar` times the point.
    pub(super) fn add_multiple(&self, mut sum: EdwardsPoint, scalar: &Scalar) -> EdwardsPoint {
        let bytes = scalar.as_bytes();
        let mut carry = 0;
        for (window, multiples) in self.0.chunks_exact(Self::HALF).enumerate() {
            let (byte, shift) = (window * WIDTH / 8, window * WIDTH % 8);
            let next = bytes.get(byte + 1).copied().unwrap_or_default();
            let bits = usize::from(u16::from_le_bytes([bytes[byte], next])) >> shift;
            let digit = (bits & (Self::RADIX - 1)) + carry;
            carry = usize::from(digit > Self::HALF);
            if carry == 0 && digit != 0 {
                sum += multiples[digit - 1];
            } else if carry == 1 && digit < Self::RADIX {
                sum -= multiples[Self::RADIX - digit - 1];
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use curve25519_dalek::constants::ED25519_BASEPOINT_POINT;
    use curve25519_dalek::traits::Identity as _;
    use proptest::prelude::*;

    fn is_the_same<const WIDTH: usize>(scalar: Scalar) -> bool {
        let point = ED25519_BASEPOINT_POINT * Scalar::from(3_u8);
        let table = FixedBase::<WIDTH>::new(point);
        let sum = table.add_multiple(ED25519_BASEPOINT_POINT, &scalar);
        sum == ED25519_BASEPOINT_POINT + point * scalar
    }

    #[test]
    fn digits_at_the_edges_are_multiplied() {
        let power = |n: u32| (0..n).fold(Scalar::ONE, |power, _| power + power);
        let mut scalars = vec![Scalar::ZERO, Scalar::ONE, -Scalar::ONE, -power(252)];
        for n in 0..253 {
            scalars.extend([power(n), power(n) - Scalar::ONE, -power(n)]);
        }
        for scalar in scalars {
            assert!(is_the_same::<5>(scalar), "{scalar:?}");
            assert!(is_the_same::<7>(scalar), "{scalar:?}");
        }
        let table = FixedBase::<5>::new(ED25519_BASEPOINT_POINT);
        let none = table.add_multiple(EdwardsPoint::identity(), &Scalar::ZERO);
        assert_eq!(none, EdwardsPoint::identity());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_scalar_is_multiplied(bytes: [u8; 32]) {
            let scalar = Scalar::from_bytes_mod_order(bytes);
            prop_assert!(is_the_same::<5>(scalar) && is_the_same::<7>(scalar));
        }
    }
}
