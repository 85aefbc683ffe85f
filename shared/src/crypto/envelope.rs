//! Encryption at rest (AES-256-GCM): the phone number in a running verification.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use domain::ids::VerificationId;
use secrecy::SecretSlice;

use super::derive::{CryptoError, derive_key};
use crate::clock::Rng;

pub struct EnvelopeCipher {
    key: LessSafeKey,
}

impl EnvelopeCipher {
    pub(super) fn new(pepper: &SecretSlice<u8>) -> Result<Self, CryptoError> {
        let key = UnboundKey::new(&AES_256_GCM, &derive_key(pepper, "seal")?);
        Ok(Self { key: LessSafeKey::new(key.map_err(|_| CryptoError::KeyDerivation)?) })
    }

    /// Encrypts a text with the id of its record as associated data, so that it does not
    /// decrypt in another record. The random nonce is put in front.
    pub fn encrypt(
        &self,
        plain: &str,
        record: &VerificationId,
        rng: Rng,
    ) -> Result<String, CryptoError> {
        let nonce: [u8; NONCE_LEN] = rng.bytes();
        let mut encrypted = plain.as_bytes().to_vec();
        let tag = self
            .key
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(record.as_uuid().as_bytes()),
                &mut encrypted,
            )
            .map_err(|_| CryptoError::Encryption)?;
        let mut out = nonce.to_vec();
        out.append(&mut encrypted);
        out.extend_from_slice(tag.as_ref());
        Ok(BASE64.encode(out))
    }

    pub fn decrypt(&self, encrypted: &str, record: &VerificationId) -> Result<String, CryptoError> {
        let failed = CryptoError::Decryption;
        let mut bytes = BASE64.decode(encrypted).map_err(|_| failed)?;
        let (nonce, rest) = bytes.split_at_mut_checked(NONCE_LEN).ok_or(failed)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| failed)?;
        let plain = self
            .key
            .open_in_place(nonce, Aad::from(record.as_uuid().as_bytes()), rest)
            .map_err(|_| failed)?;
        String::from_utf8(plain.to_vec()).map_err(|_| failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::phone::PhoneSlot;

    fn cipher(byte: u8) -> EnvelopeCipher {
        EnvelopeCipher::new(&SecretSlice::from(vec![byte; 32])).unwrap()
    }

    #[test]
    fn an_encrypted_number_decrypts_in_its_own_record_alone() {
        let id = |random| VerificationId::new(PhoneSlot::of_digest([0; 2]), [random; 16]);
        let (a, b) = (id(1), id(2));
        let encrypted = cipher(7).encrypt("+33612345678", &a, Rng).unwrap();
        assert_eq!(cipher(7).decrypt(&encrypted, &a).unwrap(), "+33612345678");
        assert!(cipher(7).decrypt(&encrypted, &b).is_err());
        assert!(cipher(8).decrypt(&encrypted, &a).is_err());
        for broken in ["", "AAAA", &encrypted[..encrypted.len() - 2], "!"] {
            assert!(cipher(7).decrypt(broken, &a).is_err());
        }
    }
}
