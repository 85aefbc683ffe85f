//! Values of the examples in the OpenAPI document: what one account sends and receives.
//!
//! Ids and tokens have the form of real ones; clients replace them by those of their own calls.
//! The keys are real and truly signed: `examples/keys.json` is written by a test, with the
//! identity key of the recorded events, whose private half everybody knows.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde_json::{Value, json};
use std::sync::LazyLock;
use uuid::{Uuid, uuid};

use crate::tokens::jwks::Jwk;

/// Of the numbers that are kept for films and examples: a request for a code disturbs nobody.
pub const PHONE_NUMBER: &str = "+12025550123";
/// As a message contains it.
pub const CODE: &str = "042719";

pub const DEVICE_NAME: &str = "Camille's iPhone";
/// As an authenticator app shows it.
pub const TOTP_CODE: &str = "081804";
pub const ADDRESS: &str = "203.0.113.7";

pub const VERIFICATION_ID: Uuid = uuid!("3f0c8a52-7d4e-8b19-a6c3-91e5d2f8b074");
pub const USER_ID: Uuid = uuid!("01957d3e-6f00-7a41-9c52-3d8e0b7f6a15");
pub const DEVICE_ID: Uuid = uuid!("01957d3e-6f02-7c83-be94-5fa02d917c37");
pub const INSTALLATION_ID: Uuid = uuid!("6cf5c1a8-3f0e-4c1c-9b57-0d6f1c0a4be2");
pub const REQUEST_ID: &str = "39192b62-0c5f-4d7e-8a41-f2b96e03d7c8";
pub const SESSION_ID: Uuid = uuid!("01957d3e-6f01-7b62-8d73-4e9f1c806b26");
pub const ENTRY_ID: Uuid = uuid!("01957d3e-6f03-7d94-8ea5-60b13ea28d48");
const TOKEN_ID: Uuid = uuid!("c1a7e3f4-58b2-4d96-8e0a-7f3b9d2c6e15");

/// The moment of the log-in, and of all that follows from it.
const LOGIN: i64 = 1_773_307_740;
pub const TIMESTAMP: &str = "2026-03-12T09:29:00Z";
pub const SIGNED_PREKEY_EXPIRES_AT: &str = "2026-03-19T09:29:00Z";

/// Ten codes, as an account with a second factor has them.
#[must_use]
pub fn backup_codes() -> [&'static str; 10] {
    [
        "4KQT-9XWP",
        "B7ND-2FHY",
        "RC5J-6MVA",
        "X3GS-8ZEK",
        "H2PW-4TQB",
        "9DYN-7JCR",
        "M6VF-3AXG",
        "E8KZ-5SHP",
        "T4BQ-2WND",
        "J9CM-6YFV",
    ]
}

/// The public key of RFC 7517, appendix A.1.
#[must_use]
pub fn jwk() -> Value {
    let (x, y) = (
        "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    );
    json!(Jwk::new(x.to_owned(), y.to_owned()))
}

#[must_use]
pub fn access_token() -> String {
    token(
        "at+jwt",
        &json!({
            "iss": "whispr-auth", "aud": "whispr", "sub": USER_ID, "jti": TOKEN_ID, "iat": LOGIN,
            "exp": LOGIN + 900, "sid": SESSION_ID, "deviceId": DEVICE_ID, "scope": "user",
        }),
    )
}

#[must_use]
pub fn refresh_token() -> String {
    token(
        "rt+jwt",
        &json!({
            "iss": "whispr-auth", "aud": "whispr-auth", "sub": USER_ID, "sid": SESSION_ID,
            "deviceId": DEVICE_ID, "jti": format!("{SESSION_ID}.0.0"), "gen": 0, "fork": 0,
            "iat": LOGIN, "exp": LOGIN + 2_592_000, "auth_time": LOGIN,
        }),
    )
}

#[must_use]
pub fn web_socket_token() -> String {
    token(
        "ws+jwt",
        &json!({
            "iss": "whispr-auth", "aud": "ws", "sub": USER_ID, "jti": TOKEN_ID, "iat": LOGIN,
            "exp": LOGIN + 60, "sid": SESSION_ID, "deviceId": DEVICE_ID,
        }),
    )
}

/// A token that nobody signed.
fn token(typ: &str, claims: &Value) -> String {
    let header = json!({ "alg": "ES256", "kid": jwk()["kid"], "typ": typ });
    let [header, claims] = [header, claims.clone()].map(|part| BASE64.encode(part.to_string()));
    format!("{header}.{claims}.{}", BASE64.encode([0x5a; 64]))
}

static KEYS: LazyLock<Value> = LazyLock::new(|| {
    // A test compares the file; what would not parse would leave the examples empty, and fail there.
    serde_json::from_str(include_str!("examples/keys.json")).unwrap_or_default()
});

/// The keys of the file with this name: `signalKeyBundle`, and what follows it in uploads, which
/// are `signedPreKey`, `preKeys`, `kyberPreKeys`, `kyberLastResortPreKey` and their `digest`.
#[must_use]
pub fn keys(name: &str) -> Value {
    KEYS[name].clone()
}

/// The registration id of the bundle.
#[must_use]
pub fn registration_id() -> Value {
    KEYS["signalKeyBundle"]["registrationId"].clone()
}

/// The bundle that a sender receives after these uploads.
#[must_use]
pub fn bundle() -> Value {
    json!({
        "userId": USER_ID,
        "deviceId": DEVICE_ID,
        "signalDeviceId": 1,
        "registrationId": registration_id(),
        "identityKey": KEYS["signalKeyBundle"]["identityKey"],
        "signedPreKey": KEYS["signedPreKey"],
        "preKey": KEYS["preKeys"][0],
        "kyberPreKey": KEYS["kyberPreKeys"][0],
    })
}
