//! No bytes make the checks of keys panic; what is taken comes back as it came, and no
//! signature holds that nobody made.
#![no_main]

use domain::prekey::{IdentityKey, KyberKey, PublicKey, Signature};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &str, &[u8])| {
    let (key, signature, message) = input;
    if let Ok(kyber) = KyberKey::parse(key) {
        assert_eq!(kyber.to_base64(), key);
    }
    let Ok(public) = PublicKey::parse(key.to_owned()) else { return };
    assert_eq!(public.as_str(), key);
    let Ok(signature) = Signature::parse(signature.to_owned()) else { return };
    assert!(!IdentityKey::from(public).verifier().verifies(message, &signature));
});
