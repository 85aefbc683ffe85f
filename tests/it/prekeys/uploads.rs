//! A device uploads: what replaces what, what never comes back, whose signatures hold.

use super::{ALICE, BOB, CAROL, KEYS, LAST_RESORT, Person, ids, unlimited};
use serde_json::{Value, json};
use tests::keys::raw;
use tests::{Keys, Service, Session};

#[tokio::test]
async fn an_upload_replaces_what_waits_and_an_empty_one_nothing() {
    let service = unlimited().await;
    let bob = Person::new(&service, BOB, 5, 5).await;
    let alice = Person::new(&service, ALICE, 0, 0).await;
    let reply = bob.upload_prekeys(vec![]).await.expect(201).json();
    assert_eq!(reply["uploaded"], 0);
    assert_eq!(bob.upload_kyber(vec![]).await.expect(201).json()["uploaded"], 0);
    let status = bob.status().await;
    assert_eq!(
        (&status["availablePreKeys"], &status["availableKyberPreKeys"]),
        (&json!(5), &json!(5))
    );

    let reply = bob.upload_prekeys(bob.keys.prekeys(10..13)).await.expect(201).json();
    assert_eq!(reply["uploaded"], 3);
    assert!(reply["message"].is_string());
    assert_eq!(bob.status().await["availableKyberPreKeys"], 5);
    let reply = bob.upload_kyber(bob.keys.kyber_prekeys(10..12)).await.expect(201).json();
    assert_eq!(reply["uploaded"], 2);
    let taken = ids(&alice.fetch(&bob).await.expect(200).json());
    assert_eq!(taken, (Some(10), Some(10)));
    let status = bob.status().await;
    assert_eq!(
        (&status["availablePreKeys"], &status["availableKyberPreKeys"]),
        (&json!(2), &json!(1))
    );
}

#[tokio::test]
async fn a_key_once_handed_out_never_comes_back() {
    let service = unlimited().await;
    let bob = Person::new(&service, BOB, 3, 3).await;
    let alice = Person::new(&service, ALICE, 0, 0).await;
    assert_eq!(ids(&alice.fetch(&bob).await.expect(200).json()), (Some(1), Some(1)));

    // The reply was lost: the same list again.
    let again = bob.upload_prekeys(bob.keys.prekeys(1..4)).await.expect(201).json();
    assert_eq!(again["uploaded"], 2);
    let again = bob.upload_kyber(bob.keys.kyber_prekeys(1..4)).await.expect(201).json();
    assert_eq!(again["uploaded"], 2);
    // Under another id it is the same key, and raw too.
    let mut other = bob.keys.prekey(1);
    other["keyId"] = json!(77);
    let raw = raw(&bob.keys.public_bytes("prekey", 1));
    let uploads = vec![json!({ "keyId": 78, "publicKey": raw }), bob.keys.prekey(2)];
    assert_eq!(bob.upload_prekeys(vec![other]).await.expect(201).json()["uploaded"], 0);
    assert_eq!(bob.upload_prekeys(uploads).await.expect(201).json()["uploaded"], 1);
    assert_eq!(ids(&alice.fetch(&bob).await.expect(200).json()), (Some(2), Some(2)));
    assert_eq!(ids(&alice.fetch(&bob).await.expect(200).json()), (None, Some(3)));

    // The same bundle at a log-in, after the keys were taken out, with a new identity key.
    let devices = service
        .rows(&format!(
            "SELECT device_fingerprint FROM auth.devices WHERE id = '{}'",
            bob.session.device
        ))
        .await;
    let fingerprint = devices[0]["device_fingerprint"].as_str().unwrap();
    let delete = format!("{KEYS}/device/{}", bob.session.device);
    let _ = bob.client.send(http::Method::DELETE, &delete, &json!({})).await.expect(204);
    let session = service.client().log_in_with(BOB, fingerprint, bob.keys.bundle(1..5, 1..5)).await;
    assert_eq!(session.device, bob.session.device);
    let bob = Person::of(&service, session, bob.keys.clone());
    // The third of the curve was replaced before anybody had it.
    assert_eq!(ids(&alice.fetch(&bob).await.expect(200).json()), (Some(3), Some(4)));
    assert_eq!(ids(&alice.fetch(&bob).await.expect(200).json()), (Some(4), LAST_RESORT));
    assert_eq!(ids(&alice.fetch(&bob).await.expect(200).json()), (None, LAST_RESORT));
    // What is left of the used ones is the hash alone.
    let _ = bob.client.send(http::Method::DELETE, &delete, &json!({})).await.expect(204);
    for (table, kind) in [("prekeys", 1), ("kyber_prekeys", 2)] {
        let left = format!("SELECT count(*) FROM auth.used_prekeys WHERE kind = {kind}");
        assert_eq!(service.count(&left).await, 4, "{table}");
        assert_eq!(service.count(&format!("SELECT count(*) FROM auth.{table}")).await, 0);
    }
}

#[tokio::test]
async fn a_replaced_key_that_nobody_was_given_may_come_back() {
    let service = unlimited().await;
    let bob = Person::new(&service, BOB, 2, 2).await;
    let alice = Person::new(&service, ALICE, 0, 0).await;
    let _ = bob.upload_prekeys(bob.keys.prekeys(5..6)).await.expect(201);
    let again = bob.upload_prekeys(bob.keys.prekeys(1..2)).await.expect(201).json();
    assert_eq!(again["uploaded"], 1);
    assert_eq!(ids(&alice.fetch(&bob).await.expect(200).json()).0, Some(1));
}

#[tokio::test]
async fn the_signed_prekey_and_the_last_resort_are_rotated() {
    let service = unlimited().await;
    let bob = Person::new(&service, BOB, 0, 0).await;
    let alice = Person::new(&service, ALICE, 0, 0).await;
    let version = bob.version().await;
    let reply = bob.upload("signed-prekey", bob.keys.signed_prekey(9)).await.expect(201).json();
    assert_eq!(reply.as_object().unwrap().keys().collect::<Vec<_>>(), ["message"]);
    let _ = bob.upload("kyber-last-resort", bob.keys.kyber_prekey(9)).await.expect(201);
    let bundle = alice.fetch(&bob).await.expect(200).json();
    assert_eq!(bundle["signedPreKey"], bob.keys.signed_prekey(9));
    assert_eq!(bundle["kyberPreKey"], bob.keys.kyber_prekey(9));
    assert_eq!(bob.version().await, version);
}

#[tokio::test]
async fn signatures_must_be_by_the_devices_own_identity_key() {
    let service = unlimited().await;
    let bob = Person::new(&service, BOB, 1, 1).await;
    let carol = Person::new(&service, CAROL, 1, 1).await;
    let alice = Person::new(&service, ALICE, 0, 0).await;
    let before = alice.list(&bob.session.user).await;
    let mut swapped = bob.keys.signed_prekey(9);
    swapped["publicKey"] = bob.keys.signed_prekey(8)["publicKey"].clone();
    let mut kyber_swapped = bob.keys.kyber_prekey(9);
    kyber_swapped["signature"] = bob.keys.kyber_prekey(8)["signature"].clone();
    for (kind, body, field) in [
        ("signed-prekey", carol.keys.signed_prekey(9), "signature"),
        ("signed-prekey", swapped, "signature"),
        ("kyber-last-resort", carol.keys.kyber_prekey(9), "signature"),
        ("kyber-last-resort", kyber_swapped.clone(), "signature"),
        (
            "kyber-prekeys",
            json!({ "kyberPreKeys": [bob.keys.kyber_prekey(7), kyber_swapped] }),
            "kyberPreKeys[1].signature",
        ),
    ] {
        let reply = bob.upload(kind, body).await;
        assert_eq!(reply.json()["errors"][0]["field"], field, "{kind}");
        reply.refused(422, "key_invalid");
    }
    // Nothing of it stays, also of the good one beside the bad.
    let bundle = alice.fetch(&bob).await.expect(200).json();
    assert_eq!(bundle["signedPreKey"], bob.keys.signed_prekey(1));
    assert_eq!(bundle["kyberPreKey"], bob.keys.kyber_prekey(1));
    let bundle = alice.fetch(&bob).await.expect(200).json();
    assert_eq!(ids(&bundle), (None, LAST_RESORT));
    assert_eq!(alice.list(&bob.session.user).await, before);
}

#[tokio::test]
async fn the_last_resort_is_never_one_of_the_one_time_keys() {
    let service = unlimited().await;
    let bob = Person::new(&service, BOB, 1, 3).await;
    let last = 1_000_000;
    let mut under_another_id = bob.keys.kyber_prekey(last);
    under_another_id["keyId"] = json!(50);
    for (kind, body) in [
        ("kyber-prekeys", json!({ "kyberPreKeys": [bob.keys.kyber_prekey(last)] })),
        ("kyber-prekeys", json!({ "kyberPreKeys": [bob.keys.kyber_prekey(9), under_another_id] })),
        ("kyber-last-resort", bob.keys.kyber_prekey(2)),
    ] {
        bob.upload(kind, body).await.refused(400, "validation_failed");
    }
    assert_eq!(bob.status().await["availableKyberPreKeys"], 3);
    // In a bundle too.
    let mut bundle = Keys::new().bundle(1..2, 1..3);
    bundle["kyberPreKeys"][1]["keyId"] = json!(last);
    let id = service.client().verified("login", BOB).await;
    let body = json!({ "verificationId": id, "deviceId": "tablet", "signalKeyBundle": bundle });
    let reply = service.client().post("/auth/v1/login", body).await;
    assert_eq!(reply.json()["errors"][0]["field"], "signalKeyBundle.kyberPreKeys[1]");
    reply.refused(400, "validation_failed");
}

#[tokio::test]
async fn a_log_in_brings_no_last_resort_that_waits_or_was_handed_out_as_a_one_time_key() {
    let service = unlimited().await;
    let phone = Person::new(&service, BOB, 1, 1).await;
    let alice = Person::new(&service, ALICE, 0, 0).await;
    let tablet = Person::device(&service, BOB, "tablet").await;
    assert_eq!(ids(&alice.fetch(&tablet).await.expect(200).json()).1, Some(1));
    let keys = &tablet.keys;
    let log_in = async |last: Value, kyber: Vec<Value>| {
        let mut bundle = keys.bundle(0..0, 0..0);
        bundle["kyberLastResortPreKey"] = last;
        bundle["kyberPreKeys"] = json!(kyber);
        let id = service.client().verified("login", BOB).await;
        let body = json!({ "verificationId": id, "deviceId": "tablet", "signalKeyBundle": bundle });
        service.client().post("/auth/v1/login", body).await
    };
    let mut same_key = keys.kyber_prekey(2);
    same_key["keyId"] = json!(5_000_000);
    // The id of one that waits, the key itself, and one that was handed out.
    for last in [keys.kyber_prekey(2), same_key, keys.kyber_prekey(1)] {
        let reply = log_in(last, vec![]).await;
        let field = "signalKeyBundle.kyberLastResortPreKey";
        assert_eq!(reply.json()["errors"][0]["field"], field);
        reply.refused(400, "validation_failed");
    }
    assert_eq!(ids(&alice.fetch(&tablet).await.expect(200).json()).1, Some(2));
    assert_eq!(phone.version().await, 2);
    // Those that it replaces itself are not in its way.
    let _ = log_in(keys.kyber_prekey(9), keys.kyber_prekeys(40..42)).await.expect(200);
}

#[tokio::test]
async fn a_former_last_resort_is_no_one_time_key_and_may_be_the_last_resort_again() {
    let service = unlimited().await;
    let bob = Person::new(&service, BOB, 1, 1).await;
    let alice = Person::new(&service, ALICE, 0, 0).await;
    let _ = bob.upload("kyber-last-resort", bob.keys.kyber_prekey(9)).await.expect(201);
    let former = bob.keys.kyber_prekey(1_000_000);
    let list = vec![former.clone(), bob.keys.kyber_prekey(20)];
    assert_eq!(bob.upload_kyber(list).await.expect(201).json()["uploaded"], 1);
    assert_eq!(ids(&alice.fetch(&bob).await.expect(200).json()).1, Some(20));
    assert_eq!(ids(&alice.fetch(&bob).await.expect(200).json()).1, Some(9));
    let _ = bob.upload("kyber-last-resort", former).await.expect(201);
    assert_eq!(ids(&alice.fetch(&bob).await.expect(200).json()).1, LAST_RESORT);
}

#[tokio::test]
async fn a_device_begins_with_its_identity_key() {
    let service = unlimited().await;
    let session = service.client().sign_up(BOB).await;
    let keys = Keys::new();
    let bob = Person::of(&service, session, keys.clone());
    for (kind, body) in [
        ("signed-prekey", keys.signed_prekey(1)),
        ("kyber-last-resort", keys.kyber_prekey(1)),
        ("prekeys", json!({ "preKeys": keys.prekeys(1..3) })),
        ("kyber-prekeys", json!({ "kyberPreKeys": keys.kyber_prekeys(1..3) })),
    ] {
        bob.upload(kind, body).await.refused(409, "identity_key_missing");
    }
    for table in ["prekeys", "kyber_prekeys", "signed_prekeys", "kyber_last_resort_prekeys"] {
        assert_eq!(service.count(&format!("SELECT count(*) FROM auth.{table}")).await, 0);
    }
}

#[tokio::test]
async fn a_refused_bundle_leaves_the_verification_usable_and_no_row() {
    let service = unlimited().await;
    let client = service.client();
    let keys = Keys::new();
    let id = client.verified("register", BOB).await;
    let register = async |bundle: &Value| {
        let body = json!({ "verificationId": id, "signalKeyBundle": bundle });
        client.post("/auth/v1/register", body).await
    };
    let mut forged = keys.bundle(1..3, 1..3);
    forged["kyberPreKeys"][1]["signature"] = json!(keys.sign(b"something else"));
    let reply = register(&forged).await;
    let field = "signalKeyBundle.kyberPreKeys[1].signature";
    assert_eq!(reply.json()["errors"][0]["field"], field);
    reply.refused(422, "key_invalid");
    for missing in ["registrationId", "kyberLastResortPreKey"] {
        let mut bundle = keys.bundle(1..3, 1..3);
        bundle.as_object_mut().unwrap().remove(missing);
        let reply = register(&bundle).await;
        let field = format!("signalKeyBundle.{missing}");
        assert_eq!(reply.json()["errors"][0]["field"], field);
        reply.refused(422, "kyber_last_resort_required");
    }
    // Somebody else's identity key.
    let alice = Person::new(&service, ALICE, 1, 1).await;
    register(&alice.keys.bundle(1..3, 1..3)).await.refused(409, "identity_key_in_use");
    assert_eq!(service.count("SELECT count(*) FROM auth.users_auth").await, 1);
    assert_eq!(service.count("SELECT count(*) FROM auth.identity_keys").await, 1);
    let session = Session::from_reply(&register(&keys.bundle(1..3, 1..3)).await.expect(201));
    let bob = Person::of(&service, session, keys);
    assert_eq!(ids(&alice.fetch(&bob).await.expect(200).json()), (Some(1), Some(1)));
}

/// As when a log-in elsewhere comes between the access check and the statement.
#[tokio::test]
async fn a_session_that_ended_meanwhile_changes_nothing() {
    let service = unlimited().await;
    let bob = Person::new(&service, BOB, 2, 2).await;
    let alice = Person::new(&service, ALICE, 0, 0).await;
    // Redis still believes it alive.
    let _ = bob.status().await;
    service
        .sql(&format!(
            "UPDATE auth.sessions SET revoked_at = now(), revoked_for = 'logout'
              WHERE user_id = '{}'",
            bob.session.user
        ))
        .await;
    for (kind, body) in [
        ("signed-prekey", bob.keys.signed_prekey(9)),
        ("kyber-last-resort", bob.keys.kyber_prekey(9)),
        ("prekeys", json!({ "preKeys": bob.keys.prekeys(9..12) })),
        ("kyber-prekeys", json!({ "kyberPreKeys": bob.keys.kyber_prekeys(9..12) })),
    ] {
        bob.upload(kind, body).await.refused(401, "session_ended");
    }
    let bundle = alice.fetch(&bob).await.expect(200).json();
    assert_eq!(ids(&bundle), (Some(1), Some(1)));
    assert_eq!(bundle["signedPreKey"], bob.keys.signed_prekey(1));
}

#[tokio::test]
async fn uploads_are_counted_by_account() {
    let service = Service::start().await;
    let bob = Person::new(&service, BOB, 1, 1).await;
    for _ in 0..100 {
        let reply = bob.upload_prekeys(vec![]).await.expect(201);
        assert_eq!(reply.header("ratelimit-limit"), Some("100"));
    }
    let reply = bob.upload_kyber(vec![]).await;
    assert_eq!(reply.header("retry-after"), Some("36"));
    reply.refused(429, "rate_limited");
    // What is no upload is not hindered.
    let _ = bob.status().await;
}
