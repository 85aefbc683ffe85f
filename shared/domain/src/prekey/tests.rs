//! The keys and signatures of `vectors.json`, which libsignal made (`tests/signal`), and
//! what is one step away from them.

use super::*;
use crate::hex::hex;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde::Deserialize;

#[derive(Deserialize)]
struct Vectors {
    identities: Vec<Identity>,
    author: Author,
}

#[derive(Deserialize)]
struct Identity {
    key: String,
    signed: Signed,
    kyber: Option<Signed>,
}

#[derive(Deserialize)]
struct Signed {
    key: String,
    signature: String,
    of_raw: Option<String>,
}

#[derive(Deserialize)]
struct Author {
    key: String,
    messages: Vec<Message>,
}

#[derive(Deserialize)]
struct Message {
    message: String,
    signature: String,
}

impl Identity {
    fn verifier(&self) -> SignatureVerifier {
        verifier(&self.key)
    }
}

impl Signed {
    fn curve(&self) -> SignedPrekey {
        SignedPrekey { id: ID, key: curve(&self.key), signature: signature(&self.signature) }
    }

    fn kyber(&self) -> KyberPrekey {
        let key = KyberKey::parse(&self.key).unwrap();
        KyberPrekey { id: ID, key, signature: signature(&self.signature) }
    }
}

/// No signature covers a key's id.
const ID: KeyId = KeyId::from_stored(1);

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("vectors.json")).unwrap()
}

fn verifier(text: &str) -> SignatureVerifier {
    IdentityKey::parse(text.to_owned()).unwrap().verifier()
}

fn curve(text: &str) -> PublicKey {
    PublicKey::parse(text.to_owned()).unwrap()
}

fn signature(text: &str) -> Signature {
    Signature::parse(text.to_owned()).unwrap()
}

fn signature_of(bytes: &[u8]) -> Signature {
    signature(&STANDARD.encode(bytes))
}

/// As libsignal writes it, which needs no padding, and raw with padding and without.
fn spellings(text: &str) -> [String; 3] {
    let bytes = STANDARD.decode(text).unwrap();
    [text.to_owned(), STANDARD.encode(&bytes[1..]), STANDARD_NO_PAD.encode(&bytes[1..])]
}

#[test]
fn every_signed_prekey_verifies_however_it_is_spelled() {
    let vectors = vectors();
    assert!(vectors.identities.len() >= 24);
    for Identity { key, signed, .. } in &vectors.identities {
        let padded = signed.signature.as_str();
        let bare = padded.trim_end_matches('=');
        assert_ne!(padded, bare);
        for verifier in spellings(key).map(|identity| verifier(&identity)) {
            for key in spellings(&signed.key).map(|key| curve(&key)) {
                assert_eq!(key, signed.curve().key);
                for signature in [padded, bare].map(signature) {
                    let prekey = SignedPrekey { id: ID, key: key.clone(), signature };
                    assert!(prekey.is_signed_by(&verifier), "{prekey:?}");
                }
            }
        }
    }
}

#[test]
fn every_kyber_prekey_verifies() {
    let vectors = vectors();
    let prekeys = vectors.identities.iter().filter_map(|i| Some((i, i.kyber.as_ref()?)));
    assert!(prekeys.clone().count() >= 8);
    for (identity, signed) in prekeys {
        let prekey = signed.kyber();
        assert!(prekey.is_signed_by(&identity.verifier()), "{}", signed.key);
        assert_eq!(prekey.key.to_base64(), signed.key);
        let bytes = prekey.key.as_bytes();
        let raw = STANDARD.encode(&bytes[1..]);
        assert_eq!(KyberKey::parse(&raw), Err(KeyError::NotKyber), "its type is not optional");
    }
}

#[test]
fn both_signs_occur() {
    let signs: Vec<_> = vectors()
        .identities
        .iter()
        .map(|identity| identity.signed.curve().signature.as_bytes()[63] >> 7)
        .collect();
    assert!(signs.contains(&0) && signs.contains(&1), "{signs:?}");
}

#[test]
fn messages_of_every_length_verify_and_no_other_message_does() {
    let Author { key, messages } = vectors().author;
    let verifier = verifier(&key);
    for Message { message, signature: text } in messages {
        let message = STANDARD.decode(message).unwrap();
        let signature = signature(&text);
        assert!(verifier.verifies(&message, &signature), "{} bytes", message.len());
        let longer = [&message[..], &[0]].concat();
        assert!(!verifier.verifies(&longer, &signature), "{} bytes", message.len());
        if let Some((_, shorter)) = message.split_last() {
            assert!(!verifier.verifies(shorter, &signature), "{} bytes", message.len());
        }
    }
}

#[test]
fn a_list_of_libsignals_signatures_verifies_and_names_the_one_that_was_changed() {
    let Author { key, messages } = vectors().author;
    let verifier = verifier(&key);
    let decoded: Vec<(Vec<u8>, Signature)> = messages
        .iter()
        .map(|one| (STANDARD.decode(&one.message).unwrap(), signature(&one.signature)))
        .collect();
    for changed in [None, Some(0), Some(decoded.len() - 1), Some(2 * decoded.len())] {
        // As often as makes a list of more than the few that are checked one by one.
        let mut list: Vec<_> = decoded.iter().cycle().take(60).cloned().collect();
        if let Some(changed) = changed {
            list[changed].0.push(0);
        }
        let signed: Vec<(&[u8], &Signature)> =
            list.iter().map(|(message, signature)| (message.as_slice(), signature)).collect();
        let refused: Vec<_> = (0..60).filter(|n| !verifier.verify_all(&signed)[*n]).collect();
        assert_eq!(refused, changed.into_iter().collect::<Vec<_>>());
        let few: Vec<_> = verifier.verify_all(&signed[..5]);
        assert_eq!(few, (0..5).map(|n| Some(n) != changed).collect::<Vec<_>>());
    }
}

#[test]
fn a_signature_over_the_raw_form_does_not_count() {
    for identity in vectors().identities {
        let signed = &identity.signed;
        let verifier = identity.verifier();
        let of_raw = signature(signed.of_raw.as_ref().unwrap());
        let raw = STANDARD.decode(&signed.key).unwrap()[1..].to_vec();
        assert!(verifier.verifies(&raw, &of_raw), "it is a signature");
        for text in spellings(&signed.key) {
            let prekey = SignedPrekey { id: ID, key: curve(&text), signature: of_raw.clone() };
            assert!(!prekey.is_signed_by(&verifier), "{text}");
        }
    }
}

#[test]
fn signatures_do_not_change_places() {
    let identities = vectors().identities;
    for (identity, other) in identities.iter().zip(identities.iter().cycle().skip(1)) {
        let verifier = identity.verifier();
        let (own, others) = (identity.signed.curve(), other.signed.curve());
        assert!(!own.is_signed_by(&other.verifier()), "by another identity");
        assert!(!others.is_signed_by(&verifier), "of another identity");
        let swapped = SignedPrekey { signature: own.signature.clone(), ..others };
        assert!(!swapped.is_signed_by(&verifier), "over another key");
        // The identity key is no prekey that its own signatures speak of.
        let itself = SignedPrekey { key: curve(&identity.key), ..own.clone() };
        assert!(!itself.is_signed_by(&verifier));
        if let Some(kyber) = identity.kyber.as_ref().map(Signed::kyber) {
            let swapped = SignedPrekey { signature: kyber.signature.clone(), ..own.clone() };
            assert!(!swapped.is_signed_by(&verifier), "a Kyber key's signature");
            let swapped = KyberPrekey { signature: own.signature, ..kyber };
            assert!(!swapped.is_signed_by(&verifier), "for a Kyber key");
        }
    }
}

#[test]
fn any_flipped_bit_of_a_signature_undoes_it() {
    // The sign among them: bit 7 of the last byte. One identity of either sign.
    let identities = vectors().identities;
    for sign in [0, 1] {
        let of_sign = |i: &&Identity| i.signed.curve().signature.as_bytes()[63] >> 7 == sign;
        let identity = identities.iter().find(of_sign).unwrap();
        let prekey = identity.signed.curve();
        let verifier = identity.verifier();
        for bit in 0..512 {
            let mut bytes = *prekey.signature.as_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(!verifier.verifies(prekey.key.as_bytes(), &signature_of(&bytes)), "bit {bit}");
        }
        assert!(prekey.is_signed_by(&verifier), "and the verifier is none the worse");
    }
}

#[test]
fn any_flipped_bit_of_a_key_undoes_its_signature() {
    let identity = &vectors().identities[0];
    let verifier = identity.verifier();
    let prekey = identity.signed.curve();
    for bit in 0..33 * 8 {
        let mut bytes = *prekey.key.as_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(!verifier.verifies(&bytes, &prekey.signature), "bit {bit}");
    }
    let kyber = identity.kyber.as_ref().unwrap().kyber();
    for byte in [0, 1, 2, 784, 1535, 1536, 1537, 1567, 1568] {
        let mut bytes = kyber.key.as_bytes().to_vec();
        bytes[byte] ^= 1;
        assert!(!verifier.verifies(&bytes, &kyber.signature), "byte {byte}");
    }
    // Of the identity key: about half of these are on the twist.
    for bit in 0..255 {
        let mut bytes = *curve(&identity.key).as_bytes();
        bytes[1 + bit / 8] ^= 1 << (bit % 8);
        let other = self::verifier(&STANDARD.encode(bytes));
        assert!(!prekey.is_signed_by(&other), "bit {bit}");
    }
}

#[test]
fn the_same_scalar_with_the_order_added_is_another_signature_and_refused() {
    // ℓ, little-endian.
    let order: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x10,
    ];
    for identity in vectors().identities {
        let prekey = identity.signed.curve();
        let verifier = identity.verifier();
        let mut bytes = *prekey.signature.as_bytes();
        let sign = bytes[63] & 0x80;
        bytes[63] &= 0x7f;
        // As often as leaves the sign bit free.
        for times in 1..=7 {
            let mut carry = 0;
            for (byte, add) in bytes[32..].iter_mut().zip(order) {
                let sum = u16::from(*byte) + u16::from(add) + carry;
                *byte = sum.to_le_bytes()[0];
                carry = sum >> 8;
            }
            assert_eq!((carry, bytes[63] & 0x80), (0, 0));
            let mut signed = bytes;
            signed[63] |= sign;
            let signature = signature_of(&signed);
            assert!(!verifier.verifies(prekey.key.as_bytes(), &signature), "{times} times");
        }
    }
}

#[test]
fn constant_signatures_are_refused() {
    for identity in vectors().identities {
        let prekey = identity.signed.curve();
        let verifier = identity.verifier();
        // R the neutral point, s zero.
        let mut neutral = [0; 64];
        neutral[0] = 1;
        for bytes in [[0; 64], [0xff; 64], neutral] {
            let prekey = SignedPrekey { signature: signature_of(&bytes), ..prekey.clone() };
            assert!(!prekey.is_signed_by(&verifier));
        }
    }
}

#[test]
fn a_digest_is_of_the_typed_forms_in_their_order() {
    // The expected values are Python's: hashlib over the contract's concatenation.
    let mut base_point = [0; 33];
    base_point[..2].copy_from_slice(&[5, 9]);
    let identity = curve(&STANDARD.encode(&base_point[1..]));
    let signed_id = KeyId::from_stored(0x0102_0304);
    let signed = curve(&STANDARD.encode([5; 32]));
    let packed = [0x00, 0x0d, 0xd0].repeat(512);
    let kyber = [&[8][..], &packed, &[0xff; 32]].concat();
    let kyber = KyberKey::parse(&STANDARD.encode(kyber)).unwrap();
    let short = published_keys_digest(&identity, (signed_id, &signed), None);
    let whole = published_keys_digest(
        &identity,
        (signed_id, &signed),
        Some((KeyId::from_stored(i32::MAX), &kyber)),
    );
    assert_eq!(hex(&short), "d5a252290d4a3598270377df9d27564e78511ae9510dbfad943d581bc41b35ec");
    assert_eq!(hex(&whole), "b84bfe2ea1a43716f9c77daede5ee1280a0caf405345e44dfdc7a2dcd6b2cf46");
}
