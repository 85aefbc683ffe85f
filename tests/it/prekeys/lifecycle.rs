//! Keys run low, signed prekeys grow old, and what nobody can be given any more goes.

use super::{ALICE, BOB, CAROL, KEYS, LAST_RESORT, Person, ids, unlimited};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde_json::{Value, json};
use std::time::Duration;
use tests::Service;

const DAY: Duration = Duration::from_hours(24);
const DAY_MILLIS: u64 = 24 * 3600 * 1000;

impl Person {
    async fn recommendations(&self) -> Value {
        self.client.get(&format!("{KEYS}/recommendations")).await.expect(200).json()
    }

    async fn health(&self) -> Value {
        self.client.get("/auth/v1/signal/health").await.expect(200).json()
    }

    /// Begins anew after tokens have expired.
    async fn again(self, service: &Service, phone: &str) -> Self {
        let query = format!(
            "SELECT device_fingerprint FROM auth.devices WHERE id = '{}'",
            self.session.device
        );
        let name = service.rows(&query).await[0]["device_fingerprint"].clone();
        let session = service.client().log_in(phone, name.as_str().unwrap()).await;
        Self::of(service, session, self.keys)
    }
}

#[tokio::test]
async fn a_device_is_told_when_to_upload() {
    let service = Service::with(&[("RATE_LIMITS", "off"), ("ONE_TIME_KEYS_BURST", "1000")]).await;
    let bob = Person::new(&service, BOB, 21, 0).await;
    let alice = Person::new(&service, ALICE, 0, 0).await;
    let _ = alice.fetch(&bob).await.expect(200);
    assert_eq!(
        bob.status().await,
        json!({
            "userId": bob.session.user, "availablePreKeys": 20, "availableKyberPreKeys": 0,
            "isLow": false, "hasActiveSignedPreKey": true, "totalPreKeys": 21,
            "recommendedUpload": 0,
        })
    );
    let expires = bob.recommendations().await["signedPreKeyExpiresAt"].clone();
    let expected = json!({
        "needsPreKeyReplenishment": false, "needsSignedPreKeyRotation": false,
        "availablePreKeys": 20, "recommendedPreKeyUpload": 0, "signedPreKeyExpiresAt": expires,
    });
    assert_eq!(bob.recommendations().await, expected);
    let _ = alice.fetch(&bob).await.expect(200);
    let status = bob.status().await;
    assert_eq!((&status["isLow"], &status["recommendedUpload"]), (&json!(true), &json!(100)));
    let recommended = bob.recommendations().await;
    assert_eq!(recommended["needsPreKeyReplenishment"], true);
    assert_eq!(recommended["recommendedPreKeyUpload"], 100);
    let health = bob.health().await;
    assert_eq!(health["status"], "degraded");
    assert_eq!(
        (&health["needs_replenishment"], &health["prekeys_remaining"]),
        (&json!(true), &json!(19))
    );
    let _ = bob.upload_prekeys(bob.keys.prekeys(100..200)).await.expect(201);
    let health = bob.health().await;
    assert_eq!(health["status"], "healthy");
    assert_eq!(
        (&health["prekeys_remaining"], &health["signed_prekey_age_days"]),
        (&json!(100), &json!(0))
    );
}

#[tokio::test]
async fn kyber_keys_that_run_low_are_asked_for_too() {
    let service = Service::with(&[("RATE_LIMITS", "off"), ("ONE_TIME_KEYS_BURST", "1000")]).await;
    let bob = Person::new(&service, BOB, 100, 20).await;
    let alice = Person::new(&service, ALICE, 0, 0).await;
    let told = async || {
        let (status, recommended) = (bob.status().await, bob.recommendations().await);
        assert_eq!(status["isLow"], recommended["needsPreKeyReplenishment"]);
        assert_eq!(status["isLow"], bob.health().await["needs_replenishment"]);
        assert_eq!(status["recommendedUpload"], recommended["recommendedPreKeyUpload"]);
        (status["isLow"] == true, status["recommendedUpload"].as_u64().unwrap())
    };
    assert_eq!(told().await, (false, 0));
    let _ = alice.fetch(&bob).await.expect(200);
    assert_eq!(bob.status().await["availablePreKeys"], 99);
    assert_eq!(told().await, (true, 100));
    let _ = bob.upload_kyber(bob.keys.kyber_prekeys(100..120)).await.expect(201);
    assert_eq!(told().await, (false, 0));
}

#[tokio::test]
async fn health_asks_for_keys_when_the_signed_prekey_is_due() {
    let service = unlimited().await;
    let bob = Person::new(&service, BOB, 50, 50).await;
    assert_eq!(bob.health().await["needs_replenishment"], false);
    let age = |hours: i64| {
        format!(
            "UPDATE auth.signed_prekeys SET created_at = created_at - interval '{hours} hours',
                    expires_at = expires_at - interval '{hours} hours'"
        )
    };
    service.sql(&age(6 * 24)).await;
    assert_eq!(bob.health().await["needs_replenishment"], false);
    service.sql(&age(1)).await;
    let health = bob.health().await;
    assert_eq!(
        (&health["status"], &health["needs_replenishment"], &health["prekeys_remaining"]),
        (&json!("degraded"), &json!(true), &json!(50))
    );
    let _ = bob.upload("signed-prekey", bob.keys.signed_prekey(2)).await.expect(201);
    assert_eq!(bob.health().await["needs_replenishment"], false);
}

#[tokio::test]
async fn a_device_without_keys_is_told_to_upload_everything() {
    let service = unlimited().await;
    let session = service.client().sign_up(BOB).await;
    let bob = Person::of(&service, session, tests::Keys::new());
    let expected = json!({
        "needsPreKeyReplenishment": true, "needsSignedPreKeyRotation": true,
        "availablePreKeys": 0, "recommendedPreKeyUpload": 100,
    });
    assert_eq!(bob.recommendations().await, expected);
    let health = bob.health().await;
    assert_eq!(health["status"], "degraded");
    assert_eq!(health.get("signed_prekey_age_days"), None);
    assert_eq!(bob.status().await["hasActiveSignedPreKey"], false);
}

#[tokio::test]
async fn the_status_is_of_own_devices_alone() {
    let service = unlimited().await;
    let bob = Person::new(&service, BOB, 1, 1).await;
    let tablet = Person::device(&service, BOB, "tablet").await;
    let alice = Person::new(&service, ALICE, 1, 1).await;
    let path = format!("{}/status", bob.path());
    let _ = tablet.client.get(&path).await.expect(200);
    alice.client.get(&path).await.refused(404, "device_not_found");
    let mixed = format!("{KEYS}/{}/devices/{}/status", alice.session.user, bob.session.device);
    alice.client.get(&mixed).await.refused(404, "device_not_found");
    bob.client.get(&mixed).await.refused(404, "device_not_found");
}

#[tokio::test]
async fn a_signed_prekey_is_active_for_a_week_and_served_for_thirty_days_more() {
    let service = unlimited().await;
    let mut bob = Person::new(&service, BOB, 5, 5).await;
    let mut alice = Person::new(&service, ALICE, 5, 5).await;
    for (days, rotate, active, served) in [
        (6, false, true, true),
        (7, true, false, true),
        (36, true, false, true),
        (37, true, false, false),
    ] {
        let age = service
            .count(&format!(
                "SELECT ({} - extract(epoch FROM min(created_at)) * 1000)::int8
                   FROM auth.signed_prekeys",
                service.now().millis()
            ))
            .await;
        service.advance((DAY * days).saturating_sub(Duration::from_millis(age.unsigned_abs())));
        bob = bob.again(&service, BOB).await;
        alice = alice.again(&service, ALICE).await;
        assert_eq!(bob.recommendations().await["needsSignedPreKeyRotation"], rotate, "{days}");
        assert_eq!(bob.status().await["hasActiveSignedPreKey"], active, "{days}");
        assert_eq!(bob.health().await["signed_prekey_age_days"], days, "{days}");
        let bundle = alice.fetch(&bob).await;
        let all = alice.fetch_all(&bob.session.user).await;
        if served {
            assert_eq!(bundle.expect(200).json()["signedPreKey"], bob.keys.signed_prekey(1));
            let _ = all.expect(200);
        } else {
            bundle.refused(404, "keys_expired");
            all.refused(404, "keys_expired");
        }
    }
    assert_eq!(bob.status().await["availablePreKeys"], 0);
    let _ = bob.upload_prekeys(bob.keys.prekeys(50..52)).await.expect(201);
    alice.fetch(&bob).await.refused(404, "keys_expired");
    assert_eq!(bob.status().await["availablePreKeys"], 2);
    let _ = bob.upload("signed-prekey", bob.keys.signed_prekey(2)).await.expect(201);
    let bundle = alice.fetch(&bob).await.expect(200).json();
    assert_eq!(bundle["signedPreKey"], bob.keys.signed_prekey(2));
    assert_eq!(bob.recommendations().await["needsSignedPreKeyRotation"], false);
}

#[tokio::test]
async fn a_millisecond_decides_over_rotation_and_service() {
    let service = unlimited().await;
    let bob = Person::new(&service, BOB, 5, 5).await;
    let alice = Person::new(&service, ALICE, 5, 5).await;
    // The clock stands still: the key ages instead.
    let aged = async |millis: u64| {
        let at = service.now().millis() - i64::try_from(millis).unwrap();
        service
            .sql(&format!(
                "UPDATE auth.signed_prekeys SET created_at = to_timestamp({at} / 1000.0),
                        expires_at = to_timestamp({at} / 1000.0) + interval '7 days'"
            ))
            .await;
        let recommended = bob.recommendations().await["needsSignedPreKeyRotation"].clone();
        (recommended == true, alice.fetch(&bob).await.status.as_u16())
    };
    assert_eq!(aged(6 * DAY_MILLIS).await, (false, 200));
    assert_eq!(aged(6 * DAY_MILLIS + 1).await, (true, 200));
    assert_eq!(aged(37 * DAY_MILLIS - 1).await, (true, 200));
    assert_eq!(aged(37 * DAY_MILLIS).await, (true, 404));
    // Who is given no bundle is given no key of it either.
    assert_eq!(bob.status().await["availablePreKeys"], 2);
}

#[tokio::test]
async fn a_device_of_several_that_is_past_its_grace_is_left_out() {
    let service = unlimited().await;
    let old = Person::new(&service, BOB, 5, 5).await;
    let fresh = Person::device(&service, BOB, "tablet").await;
    let alice = Person::new(&service, ALICE, 5, 5).await;
    let device = &old.session.device;
    service
        .sql(&format!(
            "UPDATE auth.signed_prekeys SET expires_at = expires_at - interval '37 days'
              WHERE device_id = '{device}'"
        ))
        .await;
    let reply = alice.fetch_all(&old.session.user).await.expect(200).json();
    let devices = reply["devices"].as_array().unwrap();
    assert_eq!(devices.len(), 1);
    assert_eq!(devices[0]["deviceId"], fresh.session.device);
    assert_eq!(old.status().await["availablePreKeys"], 5);

    // Nor is it on the list: an app fails a whole message for one device that has no bundle.
    let list = alice.list(&old.session.user).await;
    assert_eq!(list["deviceIds"], json!([fresh.session.device]));
    assert_eq!(list["devices"].as_array().map(Vec::len), Some(1));
    let check = async |devices: Value| {
        let body = json!({ "userId": old.session.user, "devices": devices });
        let reply = alice.client.post("/auth/v1/signal/devices/check", body).await;
        reply.expect(200).json()
    };
    // It is neither missing, since no session can begin, nor gone, since sessions go on.
    let none = json!({ "missing": [], "extra": [], "stale": [] });
    assert_eq!(check(json!([{ "signalDeviceId": 2 }])).await, none);
    let both = json!([{ "signalDeviceId": 1 }, { "signalDeviceId": 2 }]);
    assert_eq!(check(both).await, none);

    // A signed prekey brings it back, which others learn by the version.
    let version = list["version"].as_i64().unwrap();
    let _ = old.upload("signed-prekey", old.keys.signed_prekey(2)).await.expect(201);
    let list = alice.list(&old.session.user).await;
    assert_eq!(list["deviceIds"], json!([device, fresh.session.device]));
    assert_eq!(list["version"], version + 1);
    assert_eq!(check(json!([{ "signalDeviceId": 2 }])).await["missing"], json!([1]));
}

#[tokio::test]
async fn a_log_in_after_the_grace_brings_a_device_back_to_the_list() {
    let service = unlimited().await;
    let old = Person::new(&service, BOB, 5, 5).await;
    let tablet = Person::device(&service, BOB, "tablet").await;
    service
        .sql(&format!(
            "UPDATE auth.signed_prekeys SET expires_at = expires_at - interval '37 days'
              WHERE device_id = '{}'",
            tablet.session.device
        ))
        .await;
    let list = old.list(&old.session.user).await;
    assert_eq!(list["deviceIds"], json!([old.session.device]));
    let bundle = tablet.keys.bundle(1..2, 1..2);
    let _ = service.client().log_in_with(BOB, "tablet", bundle).await;
    let after = old.list(&old.session.user).await;
    assert_eq!(after["deviceIds"], json!([old.session.device, tablet.session.device]));
    assert_eq!(after["version"].as_i64(), list["version"].as_i64().map(|version| version + 1));
}

#[tokio::test]
async fn what_can_never_be_handed_out_is_cleaned_up_in_batches() {
    let service = unlimited().await;
    let alice = Person::new(&service, ALICE, 5, 5).await;
    let bob = Person::new(&service, BOB, 5, 5).await;
    let carol = Person::new(&service, CAROL, 5, 5).await;
    let back = Person::device(&service, CAROL, "tablet").await;
    for other in [&bob, &carol] {
        assert_eq!(ids(&alice.fetch(other).await.expect(200).json()), (Some(1), Some(1)));
    }
    let store = &service.state.core.store;
    assert_eq!(store.clean_up_keys(service.now(), 10).await.unwrap(), 0);
    service
        .sql(&format!(
            "UPDATE auth.signed_prekeys SET expires_at = expires_at - interval '37 days'
              WHERE device_id <> '{}';
             UPDATE auth.identity_keys SET updated_at = updated_at - interval '2 days';
             UPDATE auth.prekey_pages SET arrived_at = arrived_at - interval '2 days';
             UPDATE auth.kyber_last_resort_prekeys SET created_at = created_at - interval '2 days'",
            alice.session.device
        ))
        .await;
    // One of them is just coming back: its one-time keys were first.
    let _ = back.upload_prekeys(back.keys.prekeys(1..4)).await.expect(201);
    assert_eq!(store.clean_up_keys(service.now(), 1).await.unwrap(), 1);
    assert_eq!(store.clean_up_keys(service.now(), 10).await.unwrap(), 1);
    assert_eq!(store.clean_up_keys(service.now(), 10).await.unwrap(), 0);
    for (person, left) in [(&alice, 5), (&bob, 0), (&carol, 0), (&back, 3)] {
        let status = person.status().await;
        assert_eq!(status["availablePreKeys"], left);
    }
    alice.fetch(&bob).await.refused(404, "keys_expired");
    alice.fetch_all(&bob.session.user).await.refused(404, "keys_expired");
    let digest = json!({ "digest": STANDARD.encode([0; 32]) });
    let path = format!("{KEYS}/check");
    bob.client.post(&path, digest).await.refused(409, "signed_prekey_missing");

    // Back again, with what it had: the key that was handed out stays so.
    let _ = bob.upload("signed-prekey", bob.keys.signed_prekey(2)).await.expect(201);
    let uploaded = bob.upload_prekeys(bob.keys.prekeys(1..6)).await.expect(201).json();
    assert_eq!(uploaded["uploaded"], 4);
    assert_eq!(ids(&alice.fetch(&bob).await.expect(200).json()), (Some(2), LAST_RESORT));
}

#[tokio::test]
async fn upkeep_tells_the_fleets_figures() {
    let service = Service::with(&[("RATE_LIMITS", "off")]).await;
    let bob = Person::new(&service, BOB, 25, 3).await;
    let alice = Person::new(&service, ALICE, 0, 0).await;
    let _ = alice.fetch(&bob).await.expect(200);
    let cleaned =
        shared::maintenance::clean_up_keys(&service.state.core, service.now()).await.unwrap();
    assert_eq!(cleaned, 0);
    let text = service.client().get("/metrics").await.expect(200).body;
    let text = String::from_utf8(text).unwrap();
    let at = format!("auth_key_cleanup_timestamp_seconds {}", service.now().seconds());
    for line in [
        "# TYPE auth_prekeys_unused gauge",
        "auth_prekeys_unused 24",
        "auth_kyber_prekeys_unused 2",
        "auth_key_devices 2",
        "auth_key_devices_low 2",
        "auth_key_devices_empty 1",
        &at,
        "# TYPE auth_prekey_bundles_total counter",
        "auth_prekey_bundles_total 1",
        r#"auth_prekeys_handed_out_total{kind="kyber_one_time"} 1"#,
        r#"auth_prekeys_handed_out_total{kind="one_time"} 1"#,
    ] {
        assert!(text.lines().any(|l| l == line), "{line} is missing in\n{text}");
    }
}

#[tokio::test]
async fn a_device_compares_its_lasting_keys() {
    let service = unlimited().await;
    let bob = Person::new(&service, BOB, 1, 1).await;
    let sum = |signed: i64, last: Option<i64>| {
        let mut bytes = bob.keys.identity_bytes();
        bytes.extend(signed.to_be_bytes());
        bytes.extend(bob.keys.public_bytes("signed", signed));
        if let Some(last) = last {
            bytes.extend(last.to_be_bytes());
            bytes.extend(bob.keys.kyber_bytes("kyber", last));
        }
        digest(&SHA256, &bytes).as_ref().to_vec()
    };
    let check = async |digest: String| {
        bob.client.post(&format!("{KEYS}/check"), json!({ "digest": digest })).await
    };
    for (digest, matches) in [
        (sum(1, LAST_RESORT), true),
        (sum(2, LAST_RESORT), false),
        (sum(1, Some(1)), false),
        (sum(1, None), false),
    ] {
        for text in [STANDARD.encode(&digest), STANDARD_NO_PAD.encode(&digest)] {
            assert_eq!(check(text).await.expect(200).json(), json!({ "match": matches }));
        }
    }
    for bad in ["", "x", &STANDARD.encode([0; 31]), &STANDARD.encode([0; 33])] {
        check(bad.to_owned()).await.refused(400, "validation_failed");
    }
    let _ = bob.upload("signed-prekey", bob.keys.signed_prekey(2)).await.expect(201);
    assert_eq!(check(STANDARD.encode(sum(1, LAST_RESORT))).await.json()["match"], false);
    assert_eq!(check(STANDARD.encode(sum(2, LAST_RESORT))).await.json()["match"], true);

    let none = service.client().sign_up(ALICE).await;
    let none = service.client().bearer(&none.access);
    let body = json!({ "digest": STANDARD.encode([0; 32]) });
    none.post(&format!("{KEYS}/check"), body).await.refused(409, "signed_prekey_missing");
}
