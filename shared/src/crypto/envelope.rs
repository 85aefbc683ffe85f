//! Encryption at rest (AES-256-GCM): the phone number in a running verification, and the cipher
//! itself, for other uses.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use domain::ids::VerificationId;
use secrecy::SecretSlice;

use super::derive::{CryptoError, derive_key};
use crate::clock::Rng;

/// Encrypts bytes with associated data, under a key that is derived for one use.
pub(super) struct Cipher(LessSafeKey);

impl Cipher {
    pub(super) fn new(secret: &SecretSlice<u8>, usage: &str) -> Result<Self, CryptoError> {
        let key = UnboundKey::new(&AES_256_GCM, &derive_key(secret, usage)?);
        Ok(Self(LessSafeKey::new(key.map_err(|_| CryptoError::KeyDerivation)?)))
    }

    /// The random nonce is put in front.
    pub(super) fn encrypt(
        &self,
        plain: &[u8],
        associated: &[u8],
        rng: Rng,
    ) -> Result<Vec<u8>, CryptoError> {
        let nonce: [u8; NONCE_LEN] = rng.bytes();
        let mut encrypted = plain.to_vec();
        let nonce_key = Nonce::assume_unique_for_key(nonce);
        let tag = self
            .0
            .seal_in_place_separate_tag(nonce_key, Aad::from(associated), &mut encrypted)
            .map_err(|_| CryptoError::Encryption)?;
        Ok([&nonce[..], &encrypted, tag.as_ref()].concat())
    }

    pub(super) fn decrypt(
        &self,
        mut encrypted: Vec<u8>,
        associated: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        let failed = CryptoError::Decryption;
        let (nonce, rest) = encrypted.split_at_mut_checked(NONCE_LEN).ok_or(failed)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| failed)?;
        let plain = self.0.open_in_place(nonce, Aad::from(associated), rest).map_err(|_| failed)?;
        Ok(plain.to_vec())
    }
}

pub struct EnvelopeCipher(Cipher);

impl EnvelopeCipher {
    pub(super) fn new(pepper: &SecretSlice<u8>) -> Result<Self, CryptoError> {
        Cipher::new(pepper, "seal").map(Self)
    }

    /// Encrypts a text with the id of its record as associated data, so that it does not
    /// decrypt in another record.
    pub fn encrypt(
        &self,
        plain: &str,
        record: &VerificationId,
        rng: Rng,
    ) -> Result<String, CryptoError> {
        let encrypted = self.0.encrypt(plain.as_bytes(), record.as_uuid().as_bytes(), rng)?;
        Ok(BASE64.encode(encrypted))
    }

    pub fn decrypt(&self, encrypted: &str, record: &VerificationId) -> Result<String, CryptoError> {
        let failed = CryptoError::Decryption;
        let bytes = BASE64.decode(encrypted).map_err(|_| failed)?;
        let plain = self.0.decrypt(bytes, record.as_uuid().as_bytes())?;
        String::from_utf8(plain).map_err(|_| failed)
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
