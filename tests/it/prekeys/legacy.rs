//! `LEGACY_CLIENTS`: what shipped clients may do, and what stays forbidden to them too.

use super::{ALICE, BOB, KEYS, Person, ids};
use serde_json::json;
use tests::{Keys, Service};

const LEGACY: [(&str, &str); 2] = [("LEGACY_CLIENTS", "true"), ("RATE_LIMITS", "off")];

#[tokio::test]
async fn a_bad_signature_of_a_signed_prekey_is_only_written_down() {
    let service = Service::with(&LEGACY).await;
    let keys = Keys::new();
    let mut bundle = keys.bundle(1..3, 0..0);
    bundle["signedPreKey"]["signature"] = json!(Keys::new().sign(b"something else"));
    bundle.as_object_mut().unwrap().remove("registrationId");
    bundle.as_object_mut().unwrap().remove("kyberLastResortPreKey");
    let session = service.client().sign_up_with(BOB, bundle.clone()).await;
    let bob = Person::of(&service, session, keys);
    let _ = bob.upload("signed-prekey", Keys::new().signed_prekey(2)).await.expect(201);
    let text = service.client().get("/metrics").await.body;
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("\nauth_prekey_signatures_invalid_total 2\n"), "{text}");

    let got = service.client().get(&bob.path()).await.expect(200).json();
    assert_eq!(got["identityKey"], bob.keys.identity());
    assert_eq!(got.get("registrationId"), None);
    assert_eq!(got.get("kyberPreKey"), None);
    assert_eq!(got["preKey"], bob.keys.prekey(1));
    // Kyber keys are new: who has them signs them.
    let reply = bob.upload("kyber-last-resort", Keys::new().kyber_prekey(2)).await;
    reply.refused(422, "key_invalid");
    // And what is no key is none for anybody.
    let mut none = bob.keys.signed_prekey(3);
    none["publicKey"] = json!("AAAA");
    bob.upload("signed-prekey", none).await.refused(422, "key_invalid");
}

#[tokio::test]
async fn an_identity_key_without_kyber_takes_the_earlier_ones_along() {
    let service = Service::with(&LEGACY).await;
    let bob = Person::new(&service, BOB, 1, 1).await;
    let device = service.rows("SELECT device_fingerprint FROM auth.devices").await;
    let device = device[0]["device_fingerprint"].as_str().unwrap();
    let keys = Keys::new();
    let mut bundle = keys.bundle(0..0, 0..0);
    bundle.as_object_mut().unwrap().remove("kyberLastResortPreKey");
    let session = service.client().log_in_with(BOB, device, bundle).await;
    assert_eq!(session.device, bob.session.device);
    let got = service.client().get(&bob.path()).await.expect(200).json();
    assert_eq!(got.get("kyberPreKey"), None);
    assert_eq!(ids(&got), (None, None));
    // A registration id that was told once stays until another is.
    assert_eq!(got["registrationId"], keys.registration);
}

#[tokio::test]
async fn the_directory_is_public_and_writing_to_it_is_not() {
    let service = Service::with(&[("LEGACY_CLIENTS", "true")]).await;
    let bob = Person::new(&service, BOB, 20, 20).await;
    let user = &bob.session.user;
    let anyone = service.client();
    let expired = service.client().bearer("no.token.atall");
    for client in [&anyone, &expired] {
        for path in [
            bob.path(),
            format!("{}/status", bob.path()),
            format!("{KEYS}/{user}/devices"),
            format!("{KEYS}/{user}/bundles"),
        ] {
            let _ = client.get(&path).await.expect(200);
        }
        let health = client.get("/auth/v1/signal/health").await.expect(200).json();
        assert_eq!(health["status"], "healthy");
        assert_eq!(health.get("prekeys_remaining"), None);
    }
    let own = bob.client.get("/auth/v1/signal/health").await.expect(200).json();
    assert_eq!(own["prekeys_remaining"], 16);
    anyone.get(&format!("{KEYS}/recommendations")).await.refused(401, "token_missing");
    let body = json!({ "preKeys": [] });
    anyone.post(&format!("{KEYS}/prekeys"), body).await.refused(401, "token_missing");
    let delete = anyone.send(http::Method::DELETE, KEYS, &json!({})).await;
    delete.refused(401, "token_missing");
    // Strangers are counted by their address, and have their share by it.
    let mut keys = 0;
    for _ in 0..20 {
        let bundle = anyone.get(&bob.path()).await.expect(200).json();
        keys += usize::from(ids(&bundle).0.is_some());
    }
    assert_eq!(keys, 8);
    let mut answered = 0;
    while anyone.get(&bob.path()).await.status == 200 {
        answered += 1;
    }
    assert!(answered < 300);
    anyone.get(&bob.path()).await.refused(429, "rate_limited");
}

#[tokio::test]
async fn without_the_switch_nothing_is_public() {
    let service = Service::start().await;
    let bob = Person::new(&service, BOB, 5, 5).await;
    let alice = Person::new(&service, ALICE, 0, 0).await;
    let user = &bob.session.user;
    for path in [
        bob.path(),
        format!("{}/status", bob.path()),
        format!("{KEYS}/{user}/devices"),
        format!("{KEYS}/{user}/bundles"),
        "/auth/v1/signal/health".to_owned(),
    ] {
        service.client().get(&path).await.refused(401, "token_missing");
        let forged = service.client().bearer("no.token.atall");
        forged.get(&path).await.refused(401, "token_invalid");
    }
    assert_eq!(ids(&alice.fetch(&bob).await.expect(200).json()).0, Some(1));
}
