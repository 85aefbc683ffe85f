//! An authenticator app: TOTP by the text of RFC 4226 and RFC 6238, apart from the service's.

use aws_lc_rs::hmac;
use domain::time::Timestamp;

/// The app with the secret of one account.
#[derive(Clone, Debug)]
pub struct Authenticator {
    secret: Vec<u8>,
}

impl Authenticator {
    #[must_use]
    pub const fn new(secret: Vec<u8>) -> Self {
        Self { secret }
    }

    /// From a secret in base 32 (RFC 4648, section 6), without padding.
    #[must_use]
    pub fn from_base32(text: &str) -> Self {
        let (mut secret, mut bits, mut count) = (Vec::new(), 0_u32, 0);
        for letter in text.bytes() {
            let value = match letter {
                b'A'..=b'Z' => letter - b'A',
                b'2'..=b'7' => letter - b'2' + 26,
                other => panic!("{other} is not in base 32"),
            };
            bits = (bits << 5) | u32::from(value);
            count += 5;
            if count >= 8 {
                count -= 8;
                secret.push(u8::try_from((bits >> count) & 0xff).expect("a byte"));
            }
        }
        Self { secret }
    }

    #[must_use]
    pub fn secret(&self) -> &[u8] {
        &self.secret
    }

    /// The code of a step.
    #[must_use]
    pub fn of_step(&self, step: i64) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.secret);
        let digest = hmac::sign(&key, &step.to_be_bytes());
        let digest = digest.as_ref();
        let at = usize::from(digest[19] & 0x0f);
        let number = u32::from_be_bytes(digest[at..at + 4].try_into().expect("four bytes"));
        format!("{:06}", (number & 0x7fff_ffff) % 1_000_000)
    }

    /// The code at a time.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> String {
        self.of_step(now.seconds() / 30)
    }

    /// Codes that are wrong at a time, all different.
    pub fn wrong(&self, now: Timestamp) -> impl Iterator<Item = String> + use<> {
        let step = now.seconds() / 30;
        let right = [-2, -1, 0, 1, 2].map(|off| self.of_step(step + off));
        (0..1_000_000).map(|n| format!("{n:06}")).filter(move |code| !right.contains(code))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_shows_the_vectors_of_rfc_6238() {
        let app = Authenticator::from_base32("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        for (seconds, code) in
            [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")]
        {
            assert_eq!(app.at(Timestamp::from_millis(seconds * 1000)), code);
        }
    }
}
