//! Keys and signatures as clients upload them. Those of the curve are given back in the
//! very text they came in, since apps compare it; what they are is decided by the bytes.

use super::curve;
use super::error::KeyError;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha2::{Digest, Sha256};

/// What Signal writes before a key of Curve25519.
const CURVE_TYPE: u8 = 0x05;
pub const CURVE_LENGTH: usize = 33;
/// What Signal writes before a key of Kyber-1024.
const KYBER_TYPE: u8 = 0x08;
pub const KYBER_LENGTH: usize = 1569;
/// The seed at the end of a Kyber key: any 32 bytes.
const KYBER_SEED: usize = 32;
/// Kyber's modulus q.
const KYBER_MODULUS: u16 = 3329;
pub const SIGNATURE_LENGTH: usize = 64;

/// The standard alphabet, with all of its padding or none, and no bits left over: each
/// byte string has two spellings.
pub fn decode_base64(text: &str) -> Result<Vec<u8>, KeyError> {
    let engine = if text.ends_with('=') { &STANDARD } else { &STANDARD_NO_PAD };
    engine.decode(text).map_err(|_| KeyError::NotBase64)
}

/// What remembers a key that was handed out: a device could make two keys with the same
/// hash with 2⁶⁴ work, and would hurt nobody else.
fn short_hash(bytes: &[u8]) -> [u8; 16] {
    let mut short = [0; 16];
    short.copy_from_slice(&Sha256::digest(bytes)[..16]);
    short
}

/// How a client spelled a key or a signature: with its type byte or raw, and with padding or
/// without. Bytes and spelling together are the text again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spelling(u8);

impl Spelling {
    const RAW: u8 = 1;
    const PADDED: u8 = 2;

    fn of(text: &str, raw: bool) -> Self {
        Self((Self::RAW * u8::from(raw)) | (Self::PADDED * u8::from(text.ends_with('='))))
    }

    /// As [`Self::get`] gave it.
    #[must_use]
    pub const fn from_stored(byte: u8) -> Self {
        Self(byte)
    }

    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// The text of a public key, from its typed form.
    #[must_use]
    pub fn public_key(self, typed: &[u8]) -> String {
        self.encode(if self.0 & Self::RAW == 0 {
            typed
        } else {
            typed.get(1..).unwrap_or_default()
        })
    }

    /// The text of a signature.
    #[must_use]
    pub fn signature(self, bytes: &[u8]) -> String {
        self.encode(bytes)
    }

    fn encode(self, bytes: &[u8]) -> String {
        let engine = if self.0 & Self::PADDED == 0 { &STANDARD_NO_PAD } else { &STANDARD };
        engine.encode(bytes)
    }
}

/// A public key of Curve25519. Two are equal if their points are, however they were spelled.
#[derive(Clone, Debug)]
pub struct PublicKey {
    typed: [u8; CURVE_LENGTH],
    text: String,
}

impl PublicKey {
    pub fn parse(text: String) -> Result<Self, KeyError> {
        let bytes = decode_base64(&text)?;
        let raw = match bytes.split_first() {
            Some((&CURVE_TYPE, raw)) if bytes.len() == CURVE_LENGTH => raw,
            _ => bytes.as_slice(),
        };
        let raw = raw.try_into().map_err(|_| KeyError::NotCurve)?;
        curve::check(raw)?;
        let mut typed = [CURVE_TYPE; CURVE_LENGTH];
        typed[1..].copy_from_slice(raw);
        Ok(Self { typed, text })
    }

    /// With the type byte, even if uploaded without.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; CURVE_LENGTH] {
        &self.typed
    }

    /// Just as uploaded.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    #[must_use]
    pub fn spelling(&self) -> Spelling {
        let typed = STANDARD_NO_PAD.encode(self.typed).len();
        Spelling::of(&self.text, self.text.trim_end_matches('=').len() < typed)
    }

    #[must_use]
    pub fn hash(&self) -> [u8; 16] {
        short_hash(&self.typed)
    }

    /// The point's u-coordinate.
    pub(super) fn u(&self) -> [u8; 32] {
        let mut u = [0; 32];
        u.copy_from_slice(&self.typed[1..]);
        u
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.typed == other.typed
    }
}

impl Eq for PublicKey {}

/// A public key of Kyber-1024, with its type byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KyberKey(Vec<u8>);

impl KyberKey {
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let bytes = decode_base64(text)?;
        match bytes.split_first() {
            Some((&KYBER_TYPE, packed)) if bytes.len() == KYBER_LENGTH => {
                check_coefficients(&packed[..packed.len() - KYBER_SEED])?;
                Ok(Self(bytes))
            }
            _ => Err(KeyError::NotKyber),
        }
    }

    /// A key that this service itself parsed and stored.
    #[must_use]
    pub const fn from_stored(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    #[must_use]
    pub fn to_base64(&self) -> String {
        STANDARD.encode(&self.0)
    }

    #[must_use]
    pub fn hash(&self) -> [u8; 16] {
        short_hash(&self.0)
    }
}

/// FIPS 203 §7.2, the modulus check: a key with a greater coefficient has two encodings,
/// and senders refuse it. Two coefficients of twelve bits are in three bytes.
fn check_coefficients(packed: &[u8]) -> Result<(), KeyError> {
    let (triples, _) = packed.as_chunks();
    let below = |&[a, b, c]: &[u8; 3]| {
        let first = u16::from(a) | (u16::from(b & 0x0f) << 8);
        let second = u16::from(b >> 4) | (u16::from(c) << 4);
        first < KYBER_MODULUS && second < KYBER_MODULUS
    };
    if triples.iter().all(below) { Ok(()) } else { Err(KeyError::Coefficient) }
}

/// An XEdDSA signature. A `SignatureVerifier` checks it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    bytes: [u8; SIGNATURE_LENGTH],
    text: String,
}

impl Signature {
    pub fn parse(text: String) -> Result<Self, KeyError> {
        let bytes = decode_base64(&text)?.try_into().map_err(|_| KeyError::NotSignature)?;
        Ok(Self { bytes, text })
    }

    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; SIGNATURE_LENGTH] {
        &self.bytes
    }

    /// Just as uploaded.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    #[must_use]
    pub fn spelling(&self) -> Spelling {
        Spelling::of(&self.text, false)
    }
}

/// The key that stands for a device's user, and signs its other keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityKey(PublicKey);

impl IdentityKey {
    pub fn parse(text: String) -> Result<Self, KeyError> {
        PublicKey::parse(text).map(Self)
    }

    #[must_use]
    pub const fn public(&self) -> &PublicKey {
        &self.0
    }

    /// SHA-256 of its 33 bytes.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
    }
}

impl From<PublicKey> for IdentityKey {
    fn from(key: PublicKey) -> Self {
        Self(key)
    }
}

#[cfg(test)]
mod tests {
    use super::super::curve::SMALL_ORDER;
    use super::super::curve::tests::above_p;
    use super::*;
    use proptest::prelude::*;

    fn curve(bytes: &[u8]) -> Result<PublicKey, KeyError> {
        PublicKey::parse(STANDARD.encode(bytes))
    }

    fn kyber(bytes: &[u8]) -> Result<KyberKey, KeyError> {
        KyberKey::parse(&STANDARD.encode(bytes))
    }

    fn signature(bytes: &[u8]) -> Result<Signature, KeyError> {
        Signature::parse(STANDARD.encode(bytes))
    }

    /// The base point of RFC 7748 with its type byte.
    fn base_point() -> [u8; 33] {
        let mut typed = [0; 33];
        typed[..2].copy_from_slice(&[5, 9]);
        typed
    }

    /// A Kyber key whose coefficients are all `coefficient`.
    fn kyber_of(coefficient: u16) -> Vec<u8> {
        let mut key = vec![8];
        for _ in 0..512 {
            key.extend(pair(coefficient, coefficient));
        }
        key.extend([0xff; 32]);
        key
    }

    fn pair(first: u16, second: u16) -> [u8; 3] {
        let bits = u32::from(first) | (u32::from(second) << 12);
        let [a, b, c, _] = bits.to_le_bytes();
        [a, b, c]
    }

    #[test]
    fn a_key_is_given_back_as_it_was_spelled_and_compared_as_bytes() {
        let typed = base_point();
        let spellings = [
            STANDARD.encode(typed),
            STANDARD.encode(&typed[1..]),
            STANDARD_NO_PAD.encode(&typed[1..]),
        ];
        assert!(spellings[1].ends_with('=') && !spellings[2].ends_with('='));
        for text in spellings {
            let key = PublicKey::parse(text.clone()).unwrap();
            assert_eq!(key.as_bytes(), &typed);
            assert_eq!(key.as_str(), text);
            assert_eq!(Ok(key), curve(&typed));
        }
        let mut other = typed;
        other[32] = 1;
        assert_ne!(curve(&typed), curve(&other));
    }

    #[test]
    fn bytes_and_spelling_are_the_text_again() {
        // Also of a raw key that begins as a typed one does.
        for typed in [base_point(), [5; 33]] {
            let texts = [&STANDARD, &STANDARD_NO_PAD]
                .into_iter()
                .flat_map(|engine| [engine.encode(typed), engine.encode(&typed[1..])]);
            for text in texts {
                let key = PublicKey::parse(text.clone()).unwrap();
                let spelling = Spelling::from_stored(key.spelling().get());
                assert_eq!(spelling.public_key(key.as_bytes()), text);
            }
        }
        for text in [STANDARD.encode([7; 64]), STANDARD_NO_PAD.encode([7; 64])] {
            let signature = Signature::parse(text.clone()).unwrap();
            let spelling = Spelling::from_stored(signature.spelling().get());
            assert_eq!(spelling.signature(signature.as_bytes()), text);
        }
    }

    #[test]
    fn only_canonical_base64_is_taken() {
        let raw = STANDARD.encode(&base_point()[1..]);
        assert!(raw.ends_with("AAA="), "{raw}");
        let bare = &raw[..raw.len() - 1];
        let signature = STANDARD.encode([0; 64]);
        let bare_signature = &signature[..86];
        for bad in [
            "?",
            "A",
            "=",
            "====",
            &format!("{raw}="),
            &format!("{bare}A="),
            &format!(" {raw}"),
            &format!("{raw} "),
            &format!("{raw}\n"),
            &format!("{raw}\0"),
            &format!("{}\r\n{}", &raw[..20], &raw[20..]),
            &format!("{}={}", &raw[..20], &raw[20..]),
            // One bit after the last byte is set.
            &format!("{}B=", &bare[..42]),
            &format!("{}B", &bare[..42]),
            // The alphabet of addresses.
            &raw.replacen("CQ", "-_", 1),
            // Half of the padding.
            &format!("{bare_signature}="),
            &format!("{bare_signature}==="),
            &format!("{}B==", &bare_signature[..85]),
            "\u{ff21}AAA",
        ] {
            assert_eq!(
                PublicKey::parse(bad.to_owned()).err(),
                Some(KeyError::NotBase64),
                "{bad:?}"
            );
            assert_eq!(
                Signature::parse(bad.to_owned()).err(),
                Some(KeyError::NotBase64),
                "{bad:?}"
            );
            assert_eq!(KyberKey::parse(bad).err(), Some(KeyError::NotBase64), "{bad:?}");
        }
        assert!(PublicKey::parse(raw.replacen("CQ", "+/", 1)).is_ok());
        assert!(PublicKey::parse(bare.to_owned()).is_ok());
        for text in [signature.as_str(), bare_signature] {
            let taken = Signature::parse(text.to_owned()).unwrap();
            assert_eq!(taken.as_str(), text);
        }
    }

    #[test]
    fn a_key_of_another_length_or_type_is_refused() {
        let typed = base_point();
        let long = [typed.as_slice(), &[0]].concat();
        assert!(curve(&typed).is_ok() && curve(&typed[1..]).is_ok());
        for bad in [&[][..], &[5], &typed[..31], &long] {
            assert_eq!(curve(bad), Err(KeyError::NotCurve), "{} bytes", bad.len());
        }
        for kind in (0..=255).filter(|&kind| kind != 5) {
            let mut other = typed;
            other[0] = kind;
            assert_eq!(curve(&other), Err(KeyError::NotCurve), "type {kind}");
        }
        // Without a type byte, a first byte of 5 is the key's own.
        assert_eq!(curve(&[5; 32]).unwrap().as_bytes(), &[5; 33]);

        let key = kyber_of(0);
        let long = [key.as_slice(), &[0]].concat();
        assert!(kyber(&key).is_ok());
        for bad in [&[][..], &[8], &key[1..], &key[..1568], &long, &kyber_of(0)[..1185]] {
            assert_eq!(kyber(bad), Err(KeyError::NotKyber), "{} bytes", bad.len());
        }
        for kind in (0..=255).filter(|&kind| kind != 8) {
            let mut other = key.clone();
            other[0] = kind;
            assert_eq!(kyber(&other), Err(KeyError::NotKyber), "type {kind}");
        }

        for length in [0, 32, 63, 65, 128] {
            assert_eq!(signature(&vec![0; length]), Err(KeyError::NotSignature), "{length}");
        }
        assert_eq!(signature(&[7; 64]).unwrap().as_bytes(), &[7; 64]);
    }

    #[test]
    fn points_of_small_order_and_second_encodings_are_refused_typed_and_raw() {
        let refused = SMALL_ORDER
            .into_iter()
            .map(|u| (u, KeyError::SmallOrder))
            .chain((0..=18).map(|by| (above_p(by), KeyError::NotCanonical)))
            .chain(SMALL_ORDER.into_iter().map(|mut u| {
                u[31] |= 0x80;
                (u, KeyError::NotCanonical)
            }));
        for (u, error) in refused {
            assert_eq!(curve(&u), Err(error), "{u:x?}");
            assert_eq!(curve(&[&[5][..], &u].concat()), Err(error), "{u:x?}");
        }
    }

    #[test]
    fn a_kyber_coefficient_is_below_the_modulus() {
        assert!(kyber(&kyber_of(3328)).is_ok());
        for coefficient in [3329, 4095] {
            for place in [0, 1, 2, 255, 256, 511, 512, 513, 1022, 1023] {
                let (low, high) = (0, coefficient);
                let at = 1 + place / 2 * 3;
                let mut key = kyber_of(0);
                let two = if place % 2 == 0 { pair(high, low) } else { pair(low, high) };
                key[at..at + 3].copy_from_slice(&two);
                assert_eq!(kyber(&key), Err(KeyError::Coefficient), "{coefficient} at {place}");
            }
        }
    }

    #[test]
    fn a_kyber_key_survives_the_store() {
        let key = kyber(&kyber_of(3328)).unwrap();
        let stored = KyberKey::from_stored(key.as_bytes().to_vec());
        assert_eq!(KyberKey::parse(&stored.to_base64()), Ok(key));
    }

    #[test]
    fn a_hash_is_half_of_sha_256() {
        // From Python's hashlib.
        let expected = [
            0xfc, 0xf8, 0x7f, 0xa9, 0x84, 0x85, 0xbd, 0x21, 0x6f, 0x98, 0xe9, 0x4d, 0x8e, 0x35,
            0x89, 0x47,
        ];
        let key = curve(&base_point()).unwrap();
        assert_eq!(key.hash(), expected);
        assert_eq!(curve(&base_point()[1..]).unwrap().hash(), expected);
        let expected = [
            0x07, 0x09, 0x75, 0xe6, 0x83, 0x86, 0x8a, 0x54, 0xb6, 0xb5, 0x35, 0x4b, 0x91, 0x7a,
            0x30, 0x28,
        ];
        assert_eq!(kyber(&kyber_of(3328)).unwrap().hash(), expected);
    }

    proptest! {
        #[test]
        fn thirty_two_random_bytes_are_a_key(mut raw: [u8; 32]) {
            // On the curve or its twist, all the same.
            raw[31] &= 0x7f;
            prop_assert!(curve(&raw).is_ok());
            raw[31] |= 0x80;
            prop_assert_eq!(curve(&raw), Err(KeyError::NotCanonical));
        }

        #[test]
        fn arbitrary_text_is_taken_or_refused(text: String, bytes: Vec<u8>) {
            for text in [text, STANDARD.encode(bytes)] {
                let _ = KyberKey::parse(&text);
                let _ = Signature::parse(text.clone());
                let taken = PublicKey::parse(text.clone());
                prop_assert!(taken.is_err() || (43..=44).contains(&text.len()));
            }
        }
    }
}
