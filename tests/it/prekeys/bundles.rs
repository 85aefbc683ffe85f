//! What a sender is given: each one-time key once, the oldest first, and always enough to
//! begin a session.

use super::{ALICE, BOB, CAROL, KEYS, LAST_RESORT, Person, ids, unlimited};
use serde_json::{Value, json};
use tests::keys::raw;
use tests::{Keys, Service};

#[tokio::test]
async fn keys_that_came_with_the_registration_are_handed_out_as_uploaded() {
    let service = Service::start().await;
    let bob = Person::new(&service, BOB, 3, 2).await;
    let alice = Person::new(&service, ALICE, 0, 0).await;
    let keys = &bob.keys;
    let bundle = alice.fetch(&bob).await.expect(200);
    assert_eq!(bundle.header("cache-control"), Some("no-store"));
    assert_eq!(
        bundle.json(),
        json!({
            "userId": bob.session.user, "deviceId": bob.session.device, "version": 1,
            "signalDeviceId": 1, "registrationId": keys.registration,
            "identityKey": keys.identity(), "signedPreKey": keys.signed_prekey(1),
            "preKey": keys.prekey(1), "kyberPreKey": keys.kyber_prekey(1),
            "identity_key": keys.identity(),
            "signed_prekey": {
                "key_id": 1,
                "public_key": keys.signed_prekey(1)["publicKey"],
                "signature": keys.signed_prekey(1)["signature"],
            },
            "one_time_prekeys": [{ "key_id": 1, "public_key": keys.prekey(1)["publicKey"] }],
        })
    );
}

#[tokio::test]
async fn one_time_keys_come_in_the_order_of_their_upload_and_then_the_last_resort() {
    let service = unlimited().await;
    let bob = Person::new(&service, BOB, 0, 0).await;
    let alice = Person::new(&service, ALICE, 0, 0).await;
    let order = [7, 3, 2_147_483_647, 0];
    let prekeys = order.map(|id| bob.keys.prekey(id)).to_vec();
    let kyber = order[..2].iter().map(|id| bob.keys.kyber_prekey(*id)).collect();
    let _ = bob.upload_prekeys(prekeys).await.expect(201);
    let _ = bob.upload_kyber(kyber).await.expect(201);
    let mut taken = Vec::new();
    for _ in 0..6 {
        let bundle = alice.fetch(&bob).await.expect(200).json();
        let [id, kyber] = [ids(&bundle).0, ids(&bundle).1];
        if let Some(id) = id {
            assert_eq!(bundle["preKey"], bob.keys.prekey(id));
        } else {
            assert_eq!(bundle.get("preKey"), None);
            assert_eq!(bundle["one_time_prekeys"], json!([]));
        }
        assert_eq!(bundle["kyberPreKey"], bob.keys.kyber_prekey(kyber.unwrap()));
        taken.push((id, kyber));
    }
    let expected = [
        (Some(7), Some(7)),
        (Some(3), Some(3)),
        (Some(2_147_483_647), LAST_RESORT),
        (Some(0), LAST_RESORT),
        (None, LAST_RESORT),
        (None, LAST_RESORT),
    ];
    assert_eq!(taken, expected);
}

#[tokio::test]
async fn keys_come_back_in_the_form_in_which_they_were_sent() {
    let service = unlimited().await;
    let alice = Person::new(&service, ALICE, 0, 0).await;
    let keys = Keys::new();
    // Raw keys, and no padding anywhere: what is signed is the typed form all the same.
    let unpadded = |value: &Value| json!(value.as_str().unwrap().trim_end_matches('='));
    let raw = |key: &[u8]| json!(raw(key).trim_end_matches('='));
    let mut bundle = keys.bundle(1..2, 1..2);
    bundle["identityKey"] = raw(&keys.identity_bytes());
    bundle["signedPreKey"]["publicKey"] = raw(&keys.public_bytes("signed", 1));
    bundle["preKeys"][0]["publicKey"] = raw(&keys.public_bytes("prekey", 1));
    for signed in ["/signedPreKey", "/kyberPreKeys/0", "/kyberLastResortPreKey"] {
        let signed = bundle.pointer_mut(signed).unwrap();
        signed["signature"] = unpadded(&signed["signature"]);
    }
    let session = service.client().sign_up_with(BOB, bundle.clone()).await;
    let bob = Person::of(&service, session, keys);
    let got = alice.fetch(&bob).await.expect(200).json();
    assert_eq!(got["identityKey"], bundle["identityKey"]);
    assert_eq!(got["signedPreKey"], bundle["signedPreKey"]);
    assert_eq!(got["preKey"], bundle["preKeys"][0]);
    assert_eq!(got["kyberPreKey"], bundle["kyberPreKeys"][0]);
    let got = alice.fetch(&bob).await.expect(200).json();
    assert_eq!(got["kyberPreKey"], bundle["kyberLastResortPreKey"]);
}

#[tokio::test]
async fn all_devices_come_in_one_call_each_with_keys_of_its_own() {
    let service = unlimited().await;
    let alice = Person::new(&service, ALICE, 0, 0).await;
    let mut devices = vec![Person::new(&service, BOB, 2, 1).await];
    for name in ["tablet", "desktop"] {
        devices.push(Person::device(&service, BOB, name).await);
    }
    let user = devices[0].session.user.clone();
    let before = service.state.core.store.round_trips();
    let reply = alice.fetch_all(&user).await.expect(200).json();
    assert_eq!(service.state.core.store.round_trips() - before, 1);
    assert_eq!((&reply["userId"], &reply["version"]), (&json!(user), &json!(3)));
    let bundles = reply["devices"].as_array().unwrap();
    assert_eq!(bundles.len(), 3);
    for ((bundle, device), number) in bundles.iter().zip(&devices).zip(1..) {
        assert_eq!(bundle["deviceId"], device.session.device);
        assert_eq!(bundle["signalDeviceId"], number);
        assert_eq!(bundle["identityKey"], device.keys.identity());
        assert_eq!(bundle["preKey"], device.keys.prekey(1));
        assert_eq!(bundle["kyberPreKey"], device.keys.kyber_prekey(1));
    }
    let reply = alice.fetch_all(&user).await.expect(200).json();
    let taken: Vec<_> = reply["devices"].as_array().unwrap().iter().map(ids).collect();
    assert_eq!(taken, [(Some(2), LAST_RESORT), (Some(2), Some(2)), (Some(2), Some(2))]);
}

#[tokio::test]
async fn of_the_own_account_the_other_devices_come_and_no_key_of_this_one_is_spent() {
    let service = unlimited().await;
    let phone = Person::new(&service, BOB, 2, 2).await;
    let tablet = Person::device(&service, BOB, "tablet").await;
    let reply = phone.fetch_all(&phone.session.user).await.expect(200).json();
    let devices = reply["devices"].as_array().unwrap();
    assert_eq!(devices.len(), 1);
    assert_eq!(devices[0]["deviceId"], tablet.session.device);
    assert_eq!(phone.status().await["availablePreKeys"], 2);
    assert_eq!(tablet.status().await["availablePreKeys"], 29);
    let alone = Person::new(&service, ALICE, 2, 2).await;
    let (user, version) = (&alone.session.user, alone.version().await);
    let none = json!({ "userId": user, "version": version, "devices": [] });
    assert_eq!(alone.fetch_all(user).await.expect(200).json(), none);
    let several = alone.client.post(&format!("{KEYS}/bundles"), json!({ "userIds": [user] })).await;
    assert_eq!(several.expect(200).json()["users"], json!([none]));
    assert_eq!(alone.status().await["availablePreKeys"], 2);
    // To others, a user without keys is still not found.
    let silent = service.client().sign_up(CAROL).await;
    alone.fetch_all(&silent.user).await.refused(404, "keys_not_found");
    let own = service.client().bearer(&silent.access);
    let own = own.get(&format!("{KEYS}/{}/bundles", silent.user)).await.expect(200).json();
    assert_eq!(own["devices"], json!([]));
}

#[tokio::test]
async fn several_users_come_in_one_call_in_the_order_asked_for() {
    let service = unlimited().await;
    let alice = Person::new(&service, ALICE, 5, 5).await;
    let bob = Person::new(&service, BOB, 5, 5).await;
    let tablet = Person::device(&service, BOB, "tablet").await;
    let carol = Person::new(&service, CAROL, 5, 5).await;
    let without = service.client().sign_up("+33622222222").await;
    let nobody = "0190a5d0-0000-7000-8000-000000000000";
    let body = json!({ "userIds": [
        carol.session.user, nobody, bob.session.user, without.user, bob.session.user,
    ] });
    let before = service.state.core.store.round_trips();
    let reply = alice.client.post(&format!("{KEYS}/bundles"), body).await.expect(200).json();
    assert_eq!(service.state.core.store.round_trips() - before, 1);
    let users = reply["users"].as_array().unwrap();
    let devices = |n: usize| -> Vec<&Value> {
        users[n]["devices"].as_array().unwrap().iter().map(|one| &one["deviceId"]).collect()
    };
    assert_eq!(users.len(), 2);
    assert_eq!(users[0]["userId"], carol.session.user);
    assert_eq!(devices(0), [&carol.session.device]);
    assert_eq!(users[1]["userId"], bob.session.user);
    assert_eq!(devices(1), [&bob.session.device, &tablet.session.device]);
    assert_eq!(users[1]["version"], 2);
    // Named twice, taken once.
    assert_eq!(bob.status().await["availablePreKeys"], 4);

    let body = json!({ "userIds": [nobody, without.user] });
    let reply = alice.client.post(&format!("{KEYS}/bundles"), body).await;
    reply.refused(404, "keys_not_found");
}

#[tokio::test]
async fn the_number_of_users_in_a_call_is_bounded() {
    let service = unlimited().await;
    let alice = Person::new(&service, ALICE, 0, 0).await;
    let ids: Vec<String> = (0..51).map(|n| format!("0190a5d0-0000-7000-8000-{n:012}")).collect();
    for (ids, code) in [(&ids[..51], "validation_failed"), (&ids[..0], "validation_failed")] {
        let reply = alice.client.post(&format!("{KEYS}/bundles"), json!({ "userIds": ids })).await;
        reply.refused(400, code);
    }
    let body = json!({ "userIds": ids[..50] });
    alice.client.post(&format!("{KEYS}/bundles"), body).await.refused(404, "keys_not_found");
}

#[tokio::test]
async fn who_has_no_keys_is_not_found() {
    let service = unlimited().await;
    let alice = Person::new(&service, ALICE, 0, 0).await;
    let without = service.client().sign_up(BOB).await;
    let nobody = "0190a5d0-0000-7000-8000-000000000000";
    for (user, device) in [
        (without.user.as_str(), without.device.as_str()),
        (nobody, nobody),
        // A device of somebody else.
        (without.user.as_str(), alice.session.device.as_str()),
    ] {
        let path = format!("{KEYS}/{user}/devices/{device}");
        alice.client.get(&path).await.refused(404, "keys_not_found");
        alice.fetch_all(user).await.refused(404, "keys_not_found");
    }
    alice.client.get(&format!("{KEYS}/{nobody}/devices")).await.refused(404, "user_not_found");
    assert_eq!(alice.list(&without.user).await["devices"], json!([]));
    for bad in ["x", "0190a5d0000070008000000000000000"] {
        alice.client.get(&format!("{KEYS}/{bad}/bundles")).await.refused(400, "id_malformed");
        let path = format!("{KEYS}/{nobody}/devices/{bad}");
        alice.client.get(&path).await.refused(400, "id_malformed");
    }
}

/// 401 comes before 400, and 429 before both.
#[tokio::test]
async fn refusals_come_in_their_order() {
    let service = Service::start().await;
    let alice = Person::new(&service, ALICE, 0, 0).await;
    let _ = alice.client.post("/auth/v1/logout", json!({})).await.expect(204);
    let malformed = format!("{KEYS}/x/bundles");
    alice.client.get(&malformed).await.refused(401, "session_ended");
    let several = format!("{KEYS}/bundles");
    alice.client.post(&several, json!({})).await.refused(401, "session_ended");
    service.client().get(&malformed).await.refused(401, "token_missing");

    let bob = Person::new(&service, BOB, 0, 0).await;
    for _ in 0..300 {
        bob.client.get(&malformed).await.refused(400, "id_malformed");
    }
    bob.client.get(&malformed).await.refused(429, "rate_limited");
    bob.client.post(&several, json!({})).await.refused(429, "rate_limited");
}
