//! No bytes make the verification of tokens panic, and none pass it.
#![no_main]

use domain::time::Timestamp;
use libfuzzer_sys::fuzz_target;
use shared::config::{Environment, TokenConfig};
use shared::secrets::SecretName;
use shared::tokens::TokenVerifier;
use std::sync::{Arc, LazyLock};

/// A key of its own (RFC 7517, appendix A.1, under its thumbprint).
const KEYS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","use":"sig","alg":"ES256",
    "kid":"cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s",
    "x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}"#;

static VERIFIER: LazyLock<TokenVerifier> = LazyLock::new(|| {
    let lookup = Arc::new(|name: &str| (name == "JWT_PUBLIC_KEYS").then(|| KEYS.to_owned()));
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let loaded = Environment::from_lookup(lookup, &[SecretName::JwtPublicKeys]);
    let environment = runtime.block_on(loaded).expect("an environment");
    let mut env = environment.reader();
    let config = TokenConfig::read(&mut env);
    TokenVerifier::read(&mut env, &config).expect("a verifier")
});

fuzz_target!(|text: &str| {
    let now = Timestamp::from_millis(1_800_000_000_000);
    assert!(VERIFIER.verify_access(text, now).is_err());
    assert!(VERIFIER.verify_refresh(text, now).is_err());
    assert!(VERIFIER.previous_session(text, None, now).is_none());
});
