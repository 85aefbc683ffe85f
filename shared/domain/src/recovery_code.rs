//! The recovery code of a registration lock: 128 random bits, which nobody can guess, in groups of
//! Crockford's base 32, which people can read out and type.

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use std::fmt;
use thiserror::Error;

/// Digits and letters without `I`, `L`, `O` and `U`.
const ALPHABET: [u8; 32] = *b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// 26 symbols have 130 bits: the first two are zero.
const LENGTH: usize = 26;
const GROUP: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("must be a recovery code of 26 letters and digits")]
pub struct RecoveryCodeError;

/// A recovery code, in its one normal form: without dashes.
#[derive(Clone)]
pub struct RecoveryCode(SecretString);

impl RecoveryCode {
    /// The code of these uniform random bytes.
    #[must_use]
    pub fn of_random(random: [u8; 16]) -> Self {
        let number = u128::from_be_bytes(random);
        let symbols = (0..LENGTH).rev().map(|place| {
            let symbol = usize::try_from((number >> (5 * place)) & 31).unwrap_or(0);
            char::from(ALPHABET[symbol])
        });
        Self(SecretString::from(symbols.collect::<String>()))
    }

    /// Reads a code as users type it: dashes and spaces may be anywhere, lower case is read as upper
    /// case, and letters that look like digits are read as these.
    pub fn parse(input: &str) -> Result<Self, RecoveryCodeError> {
        let symbol = |letter: char| match letter.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        };
        let typed = input.chars().filter(|letter| !matches!(letter, '-' | ' '));
        let symbols: String = typed.take(LENGTH + 1).map(symbol).collect();
        let is_code = symbols.len() == LENGTH
            && symbols.bytes().all(|symbol| ALPHABET.contains(&symbol))
            && symbols.as_bytes() < b"8".as_slice();
        is_code.then(|| Self(SecretString::from(symbols))).ok_or(RecoveryCodeError)
    }

    /// Without the dashes.
    #[must_use]
    pub fn symbols(&self) -> &str {
        self.0.expose_secret()
    }

    /// In groups, as it is shown once.
    #[must_use]
    pub fn shown(&self) -> String {
        let groups = self.symbols().as_bytes().chunks(GROUP);
        groups.map(String::from_utf8_lossy).collect::<Vec<_>>().join("-")
    }

    /// What is stored in place of the code. It needs neither salt nor key: there are 2¹²⁸ codes.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.symbols().as_bytes()).into()
    }
}

impl fmt::Debug for RecoveryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryCode([secret])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_all_bits_of_its_random_bytes() {
        assert_eq!(RecoveryCode::of_random([0; 16]).shown(), "0000-0000-0000-0000-0000-0000-00");
        assert_eq!(RecoveryCode::of_random([255; 16]).shown(), "7ZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZ");
        let codes = (0..128)
            .map(|bit| RecoveryCode::of_random((1_u128 << bit).to_be_bytes()).symbols().to_owned());
        assert_eq!(codes.collect::<std::collections::BTreeSet<_>>().len(), 128);
    }

    #[test]
    fn a_code_is_read_as_users_type_it() {
        let code = RecoveryCode::of_random([7; 16]);
        for typed in [
            code.shown(),
            code.symbols().to_owned(),
            code.shown().to_lowercase(),
            code.shown().replace('-', " "),
            code.shown().replace('0', "O").replace('1', "l"),
        ] {
            let parsed = RecoveryCode::parse(&typed).unwrap();
            assert_eq!((parsed.symbols(), parsed.hash()), (code.symbols(), code.hash()));
        }
        let z = "Z".repeat(25);
        for bad in [
            String::new(),
            code.symbols()[1..].to_owned(),
            format!("{}0", code.symbols()),
            format!("8{z}"),
            format!("U{z}"),
            format!("7{}\u{e9}", "Z".repeat(24)),
            format!("7{}\0", "Z".repeat(24)),
        ] {
            assert_eq!(RecoveryCode::parse(&bad).err(), Some(RecoveryCodeError), "{bad:?}");
        }
        assert!(!format!("{code:?}").contains(code.symbols()));
    }
}
