//! A one-time key that was handed out is never handed out again for the same user: whichever
//! device or identity key it comes back under, and however its page ended.

use super::{ALICE, BOB, KEYS, LAST_RESORT, Person, ids, unlimited};
use http::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tests::race::together;
use tests::{Keys, Service};

/// Takes everything that a device has; gives the texts of the keys.
async fn drain(service: &Service, device: &Person) -> Vec<String> {
    let taker = Person::new(service, &format!("+3364{:07}", next()), 0, 0).await;
    let mut taken = Vec::new();
    loop {
        let bundle = taker.fetch(device).await.expect(200).json();
        let (id, kyber) = ids(&bundle);
        let before = taken.len();
        if id.is_some() {
            taken.push(bundle["preKey"]["publicKey"].as_str().unwrap().to_owned());
        }
        if kyber != LAST_RESORT {
            taken.push(bundle["kyberPreKey"]["publicKey"].as_str().unwrap().to_owned());
        }
        if taken.len() == before {
            return taken;
        }
    }
}

/// Phone numbers that no test takes twice.
fn next() -> u32 {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

async fn log_in(service: &Service, device: &str, bundle: Value, keys: &Keys) -> Person {
    let session = service.client().log_in_with(BOB, device, bundle).await;
    Person::of(service, session, keys.clone())
}

async fn unbounded() -> Service {
    Service::with(&[("RATE_LIMITS", "off"), ("ONE_TIME_KEYS_BURST", "1000000")]).await
}

#[tokio::test]
async fn an_identity_that_moves_between_devices_is_never_handed_the_same_key_out_twice() {
    let service = unbounded().await;
    let mut device = Person::new(&service, BOB, 6, 6).await;
    let alice = Person::new(&service, ALICE, 0, 0).await;
    let keys = device.keys.clone();
    let mut taken = BTreeSet::new();
    // From row to row and back, with the very same bundle, one key taken between.
    for name in ["tablet", "desktop", "tablet", "web", "desktop"] {
        let bundle = alice.fetch(&device).await.expect(200).json();
        assert!(taken.insert(ids(&bundle)), "{:?} twice", ids(&bundle));
        device = log_in(&service, name, keys.bundle(1..7, 1..7), &keys).await;
        let status = device.status().await;
        let left = json!(6 - taken.len());
        assert_eq!((&status["availablePreKeys"], &status["availableKyberPreKeys"]), (&left, &left));
    }
    assert_eq!(taken, (1..6).map(|n| (Some(n), Some(n))).collect());
    assert_eq!(drain(&service, &device).await.len(), 2);
}

#[tokio::test]
async fn a_key_of_one_device_is_no_key_of_another_under_any_identity() {
    let service = unbounded().await;
    let phone = Person::new(&service, BOB, 3, 0).await;
    let alice = Person::new(&service, ALICE, 0, 0).await;
    assert_eq!(ids(&alice.fetch(&phone).await.expect(200).json()).0, Some(1));
    let tablet = Person::device(&service, BOB, "tablet").await;
    // EC keys are not signed: another identity can bring them. The phone still has 2 and 3.
    let list = [phone.keys.prekeys(1..4), tablet.keys.prekeys(50..51)].concat();
    let reply = tablet.upload_prekeys(list.clone()).await.expect(201).json();
    assert_eq!(reply["uploaded"], 1);
    assert_eq!(ids(&alice.fetch(&tablet).await.expect(200).json()).0, Some(50));
    // When the phone's keys are gone, those that nobody had are free.
    let path = format!("{KEYS}/device/{}", phone.session.device);
    let _ = phone.client.send(Method::DELETE, &path, &json!({})).await.expect(204);
    let reply = tablet.upload_prekeys(list).await.expect(201).json();
    assert_eq!(reply["uploaded"], 2);
    assert_eq!(ids(&alice.fetch(&tablet).await.expect(200).json()).0, Some(2));
    // And another user may have any of them.
    let carol = Person::new(&service, super::CAROL, 0, 0).await;
    let reply = carol.upload_prekeys(phone.keys.prekeys(1..4)).await.expect(201).json();
    assert_eq!(reply["uploaded"], 3);
}

/// The same keys on two devices at the same moment: one of the two has each.
#[tokio::test(flavor = "multi_thread")]
async fn two_devices_that_upload_the_same_keys_at_once_share_none() {
    let service = unbounded().await;
    let sandbox = service.sandbox().await;
    let phone = Person::new(&service, BOB, 0, 0).await;
    let tablet = Person::device(&service, BOB, "tablet").await;
    for round in 0..10_i64 {
        let keys = phone.keys.prekeys(round * 100..round * 100 + 20);
        let uploads = [(&service, &phone), (&sandbox, &tablet)].map(|(service, device)| {
            let client = service.client().bearer(&device.session.access);
            let body = json!({ "preKeys": keys });
            async move { client.post(&format!("{KEYS}/prekeys"), body).await }
        });
        let counts: Vec<_> = together(uploads)
            .await
            .into_iter()
            .map(|reply| reply.expect(201).json()["uploaded"].as_i64().unwrap())
            .collect();
        assert_eq!(counts.iter().sum::<i64>(), 20, "{counts:?}");
        let both = "SELECT count(*) FROM (SELECT public_key FROM auth.prekeys
                     GROUP BY public_key HAVING count(*) > 1) twice";
        assert_eq!(service.count(both).await, 0, "round {round}");
    }
}

#[tokio::test]
async fn whatever_ends_a_page_its_used_keys_stay_used() {
    let service = unbounded().await;
    let alice = Person::new(&service, ALICE, 0, 0).await;
    let mut bob = Person::new(&service, BOB, 0, 0).await;
    let keys = bob.keys.clone();
    let fingerprint = {
        let query = "SELECT device_fingerprint FROM auth.devices WHERE id = ";
        let row = service.rows(&format!("{query}'{}'", bob.session.device)).await.remove(0);
        row["device_fingerprint"].as_str().unwrap().to_owned()
    };
    let mut used = 0;
    for end in ["upload", "deletion", "all", "clean-up", "identity", "device"] {
        let list = keys.prekeys(1..20);
        let reply = bob.upload_prekeys(list.clone()).await.expect(201).json();
        assert_eq!(reply["uploaded"], 19 - used, "before {end}");
        let (id, _) = ids(&alice.fetch(&bob).await.expect(200).json());
        used += 1;
        assert_eq!(id, Some(used));
        match end {
            "deletion" | "all" => {
                let one = format!("{KEYS}/device/{}", bob.session.device);
                let path = if end == "all" { KEYS.to_owned() } else { one };
                let _ = bob.client.send(Method::DELETE, &path, &json!({})).await.expect(204);
                bob = log_in(&service, &fingerprint, keys.bundle(1..1, 1..1), &keys).await;
            }
            "clean-up" => {
                service
                    .sql(
                        "UPDATE auth.signed_prekeys SET expires_at = expires_at - interval '37 days';
                         UPDATE auth.identity_keys SET updated_at = updated_at - interval '2 days';
                         UPDATE auth.prekey_pages SET arrived_at = arrived_at - interval '2 days';
                         UPDATE auth.kyber_last_resort_prekeys
                            SET created_at = created_at - interval '2 days'",
                    )
                    .await;
                let store = &service.state.core.store;
                assert_eq!(store.clean_up_keys(service.now(), 10).await.unwrap(), 2);
                let _ = bob.upload("signed-prekey", keys.signed_prekey(1)).await.expect(201);
            }
            "identity" => {
                // Another identity without one-time keys, and then the first again.
                let other = Keys::new();
                let _ = log_in(&service, &fingerprint, other.bundle(1..1, 1..1), &other).await;
                assert_eq!(service.count("SELECT count(*) FROM auth.prekeys").await, 0);
                bob = log_in(&service, &fingerprint, keys.bundle(1..1, 1..1), &keys).await;
            }
            "device" => {
                // Postgres itself refuses to lose what a page has handed out.
                let remove =
                    format!("DELETE FROM auth.devices WHERE id = '{}'", bob.session.device);
                let client = tests::stores::connect(&service.stores.database_url).await;
                let error = client.batch_execute(&remove).await.unwrap_err();
                let refused = error.as_db_error().and_then(|e| e.constraint().map(str::to_owned));
                assert_eq!(refused.as_deref(), Some("prekey_pages_identity"));
                let path = format!("{KEYS}/device/{}", bob.session.device);
                let _ = bob.client.send(Method::DELETE, &path, &json!({})).await.expect(204);
                client.batch_execute(&remove).await.unwrap();
                bob = log_in(&service, "another", keys.bundle(1..1, 1..1), &keys).await;
            }
            _ => {}
        }
    }
    let reply = bob.upload_prekeys(keys.prekeys(1..20)).await.expect(201).json();
    assert_eq!(reply["uploaded"], 13);
    // The memory goes with the account, and with nothing else.
    let memory = "SELECT count(*) FROM auth.used_prekeys WHERE kind = 1";
    assert_eq!(service.count(memory).await, 6);
    service.sql(&format!("DELETE FROM auth.users_auth WHERE id = '{}'", bob.session.user)).await;
    for table in ["used_prekeys", "prekey_pages"] {
        let left = format!("SELECT count(*) FROM auth.{table} WHERE user_id = ");
        assert_eq!(service.count(&format!("{left}'{}'", bob.session.user)).await, 0, "{table}");
    }
}

#[tokio::test]
async fn last_resorts_enter_the_memory_when_they_are_uploaded() {
    let service = unlimited().await;
    let phone = Person::new(&service, BOB, 1, 1).await;
    let tablet = Person::device(&service, BOB, "tablet").await;
    let _ = phone.upload("kyber-last-resort", phone.keys.kyber_prekey(9)).await.expect(201);
    let memory = "SELECT count(*) FROM auth.used_prekeys WHERE kind = 3";
    assert_eq!(service.count(memory).await, 3);
    // Nobody has fetched any of them. They are no one-time keys, on no device of the user.
    let list = phone.keys.kyber_prekeys(9..12);
    let signed: Vec<Value> = list
        .into_iter()
        .map(|mut key| {
            let id = key["keyId"].as_i64().unwrap();
            key["signature"] = json!(tablet.keys.sign(&phone.keys.kyber_bytes("kyber", id)));
            key
        })
        .collect();
    assert_eq!(tablet.upload_kyber(signed.clone()).await.expect(201).json()["uploaded"], 2);
    // Nor does a one-time key of one device become the last resort of another.
    let mut last = signed[1].clone();
    last["signature"] = json!(phone.keys.sign(&phone.keys.kyber_bytes("kyber", 10)));
    phone.upload("kyber-last-resort", last).await.refused(400, "validation_failed");
}
