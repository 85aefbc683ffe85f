//! What is a key and what is none, through the door: the rules themselves are tested where
//! they stand, with vectors by libsignal.

use super::{BOB, Person, unlimited};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tests::Keys;

fn typed(of: u8, rest: &[u8]) -> String {
    STANDARD.encode([&[of], rest].concat())
}

/// A key that is none for each reason there is.
fn bad_curve_keys() -> Vec<String> {
    let mut prime = [0xff; 32];
    (prime[0], prime[31]) = (0xed, 0x7f);
    let mut high = [9; 32];
    high[31] = 0x80;
    let mut one = [0; 32];
    one[0] = 1;
    vec![
        String::new(),
        "not base64!".to_owned(),
        STANDARD.encode([5; 31]),
        STANDARD.encode([5; 34]),
        typed(6, &[9; 32]),
        typed(8, &[9; 32]),
        typed(5, &[0; 32]),
        typed(5, &one),
        typed(5, &prime),
        typed(5, &high),
        STANDARD.encode([0; 32]),
    ]
}

fn bad_kyber_keys(keys: &Keys) -> Vec<String> {
    let good = keys.kyber_bytes("kyber", 1);
    let mut coefficient = good.clone();
    (coefficient[1], coefficient[2]) = (0xff, 0x0f);
    let mut of_another_type = good.clone();
    of_another_type[0] = 7;
    vec![
        String::new(),
        STANDARD.encode(&good[1..]),
        STANDARD.encode([&good[..], &[0]].concat()),
        STANDARD.encode(of_another_type),
        STANDARD.encode(coefficient),
        keys.prekey(1)["publicKey"].as_str().unwrap().to_owned(),
    ]
}

#[tokio::test]
async fn what_is_no_key_is_refused_by_name() {
    let service = unlimited().await;
    let bob = Person::new(&service, BOB, 2, 2).await;
    let keys = &bob.keys;
    let refused = async |kind: &str, body: Value, field: &str| {
        let reply = bob.upload(kind, body.clone()).await;
        let problem = reply.json();
        assert_eq!(problem["errors"][0]["field"], field, "{body}: {problem}");
        assert_eq!(problem["message"], problem["detail"]);
        reply.refused(422, "key_invalid");
    };
    for bad in bad_curve_keys() {
        let mut one = keys.prekey(7);
        one["publicKey"] = json!(bad);
        let body = json!({ "preKeys": [keys.prekey(6), one] });
        refused("prekeys", body, "preKeys[1].publicKey").await;
        let mut one = keys.signed_prekey(7);
        one["publicKey"] = json!(bad);
        refused("signed-prekey", one, "publicKey").await;
    }
    for bad in bad_kyber_keys(keys) {
        let mut one = keys.kyber_prekey(7);
        one["publicKey"] = json!(bad);
        let body = json!({ "kyberPreKeys": [one] });
        refused("kyber-prekeys", body, "kyberPreKeys[0].publicKey").await;
        refused("kyber-last-resort", one, "publicKey").await;
    }
    for bad in [String::new(), STANDARD.encode([0; 63]), STANDARD.encode([0; 65])] {
        let mut one = keys.signed_prekey(7);
        one["signature"] = json!(bad);
        refused("signed-prekey", one, "signature").await;
    }
    let status = bob.status().await;
    assert_eq!(
        (&status["availablePreKeys"], &status["availableKyberPreKeys"]),
        (&json!(2), &json!(2))
    );
}

#[tokio::test]
async fn an_identity_key_that_is_none_is_refused_at_the_log_in() {
    let service = unlimited().await;
    let client = service.client();
    let id = client.verified("register", BOB).await;
    for bad in bad_curve_keys() {
        let mut bundle = Keys::new().bundle(1..2, 1..2);
        bundle["identityKey"] = json!(bad);
        let body = json!({ "verificationId": id, "signalKeyBundle": bundle });
        let reply = client.post("/auth/v1/register", body).await;
        assert_eq!(reply.json()["errors"][0]["field"], "signalKeyBundle.identityKey");
        reply.refused(422, "key_invalid");
    }
    assert_eq!(service.count("SELECT count(*) FROM auth.users_auth").await, 0);
}

#[tokio::test]
async fn the_form_of_a_list_is_checked_before_its_keys() {
    let service = unlimited().await;
    let bob = Person::new(&service, BOB, 2, 2).await;
    let keys = &bob.keys;
    let mut bad_key = keys.prekey(1);
    bad_key["publicKey"] = json!("");
    let mut same_key = keys.prekey(1);
    same_key["keyId"] = json!(2);
    let with_id = |id: Value| {
        let mut key = keys.prekey(1);
        key["keyId"] = id;
        key
    };
    for (list, field, code) in [
        (json!([keys.prekey(1), keys.prekey(1)]), "preKeys[1].keyId", "duplicate"),
        (json!([keys.prekey(1), same_key]), "preKeys[1].publicKey", "duplicate"),
        (json!([bad_key, with_id(json!(-1))]), "preKeys[1].keyId", "invalid"),
        (json!([with_id(json!(2_147_483_648_i64))]), "preKeys[0].keyId", "invalid"),
        (json!([with_id(json!(1.5))]), "preKeys[0].keyId", "wrong_type"),
        (json!([with_id(json!("1"))]), "preKeys[0].keyId", "wrong_type"),
        (json!([with_id(Value::Null)]), "preKeys[0].keyId", "required"),
        (json!([{ "keyId": 1 }]), "preKeys[0].publicKey", "required"),
        (json!(keys.prekeys(0..201)), "preKeys", "too_many"),
        (json!({}), "preKeys", "wrong_type"),
        (Value::Null, "preKeys", "required"),
    ] {
        let reply = bob.upload("prekeys", json!({ "preKeys": list })).await;
        let error = &reply.json()["errors"][0];
        assert_eq!((&error["field"], &error["code"]), (&json!(field), &json!(code)), "{error}");
        reply.refused(400, "validation_failed");
    }
    assert_eq!(bob.status().await["availablePreKeys"], 2);
    let reply = bob.upload_prekeys(keys.prekeys(0..200)).await.expect(201).json();
    assert_eq!(reply["uploaded"], 200);
    let reply = bob.upload_kyber(keys.kyber_prekeys(0..200)).await.expect(201).json();
    assert_eq!(reply["uploaded"], 200);
}
