//! No bytes make the verification of tokens panic, and none pass it.
#![no_main]

use secrecy::SecretString;
use domain::time::Timestamp;
use libfuzzer_sys::fuzz_target;
use shared::tokens::{KeySet, Signing, new_jwt_keys};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

static SIGNING: LazyLock<Signing> = LazyLock::new(|| {
    let keys = KeySet::parse(&SecretString::from(new_jwt_keys())).expect("keys made here parse");
    Signing::with_keys(Arc::new(keys), "issuer", "audience", Duration::from_secs(900))
});

fuzz_target!(|text: &str| {
    let now = Timestamp::from_millis(1_800_000_000_000);
    assert!(SIGNING.verify_access(text, now).is_err());
    assert!(SIGNING.verify_refresh(text, now).is_err());
    assert!(SIGNING.previous_account(text).is_none());
});
