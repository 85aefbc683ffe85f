//! The devices of a user: their numbers, the version of their list, whose identity key is
//! whose.

use super::{ALICE, BOB, CAROL, KEYS, LAST_RESORT, Person, ids, security_events, unlimited};
use http::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use tests::keys::raw;
use tests::race::{counts, tally, together};
use tests::{Keys, Service};

#[tokio::test]
async fn devices_are_numbered_and_listed_with_a_version_that_moves() {
    let service = unlimited().await;
    let phone = Person::new(&service, BOB, 1, 1).await;
    let alice = Person::new(&service, ALICE, 1, 1).await;
    let user = phone.session.user.clone();
    assert_eq!(
        alice.list(&user).await,
        json!({
            "userId": user, "version": 1, "deviceIds": [phone.session.device],
            "devices": [{
                "deviceId": phone.session.device, "signalDeviceId": 1,
                "registrationId": phone.keys.registration,
            }],
        })
    );
    // A device without keys has no number, and is in nobody's list.
    let silent = service.client().log_in(BOB, "silent").await;
    assert_eq!(phone.version().await, 1);
    let tablet = Person::device(&service, BOB, "tablet").await;
    let list = alice.list(&user).await;
    assert_eq!(list["version"], 2);
    assert_eq!(list["deviceIds"], json!([phone.session.device, tablet.session.device]));
    assert_eq!(list["devices"][1]["signalDeviceId"], 2);

    // Keys of its own make it one of them.
    let keys = Keys::new();
    let session = service.client().log_in_with(BOB, "silent", keys.bundle(1..2, 1..2)).await;
    assert_eq!(session.device, silent.device);
    let list = alice.list(&user).await;
    assert_eq!(list["version"], 3);
    let numbers: Vec<_> =
        list["devices"].as_array().unwrap().iter().map(|d| &d["signalDeviceId"]).collect();
    assert_eq!(numbers, [1, 2, 3]);
    assert_eq!(alice.list(&alice.session.user).await["version"], 1);
}

#[tokio::test]
async fn only_what_others_must_know_moves_the_version() {
    let service = unlimited().await;
    let phone = Person::new(&service, BOB, 1, 1).await;
    let _ = Person::device(&service, BOB, "tablet").await;
    let log_in = async |bundle: Value| {
        service.client().log_in_with(BOB, "tablet", bundle).await;
        phone.version().await
    };
    let keys = Keys::new();
    assert_eq!(phone.version().await, 2);
    assert_eq!(log_in(keys.bundle(1..2, 1..2)).await, 3);
    // The same identity key and registration id, whatever else.
    assert_eq!(log_in(keys.bundle(5..9, 3..4)).await, 3);
    let mut installed_again = keys.bundle(1..2, 1..2);
    installed_again["registrationId"] = json!(keys.registration % 16380 + 1);
    assert_eq!(log_in(installed_again).await, 4);
    // Rotation and replenishment, log-ins and log-outs are nobody's business.
    let _ = phone.upload("signed-prekey", phone.keys.signed_prekey(7)).await.expect(201);
    let _ = phone.upload_prekeys(phone.keys.prekeys(7..9)).await.expect(201);
    let _ = service.client().log_in(BOB, "tablet").await;
    assert_eq!(phone.version().await, 4);
}

#[tokio::test]
async fn a_changed_identity_key_takes_the_old_keys_away() {
    let service = unlimited().await;
    let _ = Person::new(&service, BOB, 1, 1).await;
    let alice = Person::new(&service, ALICE, 1, 1).await;
    let old = Person::device(&service, BOB, "tablet").await;
    assert_eq!(ids(&alice.fetch(&old).await.expect(200).json()), (Some(1), Some(1)));
    let version = old.version().await;
    assert_eq!(security_events(&service, "identity_key_changed").await, 0);

    let keys = Keys::new();
    let session = service.client().log_in_with(BOB, "tablet", keys.bundle(0..0, 0..0)).await;
    let new = Person::of(&service, session, keys);
    assert_eq!(new.session.device, old.session.device);
    let bundle = alice.fetch(&new).await.expect(200).json();
    assert_eq!(bundle["identityKey"], new.keys.identity());
    assert_eq!(bundle["signedPreKey"], new.keys.signed_prekey(1));
    assert_eq!(bundle["kyberPreKey"], new.keys.kyber_prekey(1_000_000));
    assert_eq!(ids(&bundle), (None, LAST_RESORT));
    assert_eq!(bundle["version"], version + 1);
    assert_eq!(new.status().await["availablePreKeys"], 0);
    assert_eq!(security_events(&service, "identity_key_changed").await, 1);

    // The old identity's signatures are worth nothing any more.
    let reply = new.upload("signed-prekey", old.keys.signed_prekey(3)).await;
    reply.refused(422, "key_invalid");
    // Its number stays.
    let list = alice.list(&new.session.user).await;
    assert_eq!(list["devices"][1]["signalDeviceId"], 2);
}

#[tokio::test]
async fn an_identity_key_belongs_to_one_user_and_moves_within() {
    let service = unlimited().await;
    let phone = Person::new(&service, BOB, 3, 3).await;
    let alice = Person::new(&service, ALICE, 1, 1).await;
    let user = phone.session.user.clone();
    // Another user's, in whatever spelling.
    let mut stolen = phone.keys.bundle(1..2, 1..2);
    stolen["identityKey"] = json!(raw(&phone.keys.identity_bytes()).trim_end_matches('='));
    let id = service.client().verified("login", ALICE).await;
    let body = json!({ "verificationId": id, "deviceId": "tablet", "signalKeyBundle": stolen });
    let path = "/auth/v1/login";
    service.client().post(path, body).await.refused(409, "identity_key_in_use");
    assert_eq!(alice.list(&alice.session.user).await["deviceIds"], json!([alice.session.device]));

    // The same app, installed anew under another id of its own.
    let bundle = phone.keys.bundle(10..12, 10..12);
    let session = service.client().log_in_with(BOB, "installed-anew", bundle).await;
    let moved = Person::of(&service, session, phone.keys.clone());
    let list = alice.list(&user).await;
    assert_eq!(list["deviceIds"], json!([moved.session.device]));
    assert_eq!((&list["version"], &list["devices"][0]["signalDeviceId"]), (&json!(2), &json!(2)));
    alice.fetch(&phone).await.refused(404, "keys_not_found");
    assert_eq!(ids(&alice.fetch(&moved).await.expect(200).json()), (Some(10), Some(10)));
    let left =
        format!("SELECT count(*) FROM auth.prekeys WHERE device_id = '{}'", phone.session.device);
    assert_eq!(service.count(&left).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_users_racing_for_an_identity_key_one_has_it() {
    let service = unlimited().await;
    let client = service.client();
    for round in 0..8 {
        let keys = Keys::new();
        let mut bodies = Vec::new();
        for n in 0..4 {
            let phone = format!("+33640000{round}{n}0");
            let id = client.verified("register", &phone).await;
            bodies.push(json!({
                "verificationId": id, "signalKeyBundle": keys.bundle(1..20, 1..20),
            }));
        }
        let registrations = bodies.into_iter().map(|body| {
            let client = client.clone();
            async move { client.post("/auth/v1/register", body).await }
        });
        let replies = together(registrations).await;
        assert_eq!(tally(&replies), counts([("201", 1), ("409 identity_key_in_use", 3)]));
    }
    assert_eq!(service.count("SELECT count(*) FROM auth.users_auth").await, 8);
    assert_eq!(service.count("SELECT count(*) FROM auth.identity_keys").await, 8);
}

/// Log-ins of one device with changing identities, uploads, fetches and deletions at once:
/// nobody waits in a circle, and whatever is handed out belongs together.
#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_always_belongs_together() {
    const ROUNDS: usize = 25;
    let service = unlimited().await;
    let sandbox = service.sandbox().await;
    let phone = Person::new(&service, BOB, 1, 1).await;
    let alice = Person::new(&service, ALICE, 1, 1).await;
    let mut tablet = Person::device(&service, BOB, "tablet").await;
    let mut known = vec![tablet.keys.clone()];
    for round in 0..ROUNDS {
        let keys = Keys::new();
        known.push(keys.clone());
        let id = service.client().verified("login", BOB).await;
        let login = json!({
            "verificationId": id, "deviceId": "tablet", "signalKeyBundle": keys.bundle(1..5, 1..5),
        });
        let old = &tablet.keys;
        let access = &tablet.session.access;
        let mut requests = vec![
            (Method::POST, "/auth/v1/login".to_owned(), None, login),
            (Method::POST, format!("{KEYS}/signed-prekey"), Some(access), old.signed_prekey(9)),
            (Method::POST, format!("{KEYS}/kyber-last-resort"), Some(access), old.kyber_prekey(9)),
            (
                Method::POST,
                format!("{KEYS}/kyber-prekeys"),
                Some(access),
                json!({ "kyberPreKeys": old.kyber_prekeys(20..25) }),
            ),
            (
                Method::POST,
                format!("{KEYS}/prekeys"),
                Some(access),
                json!({ "preKeys": old.prekeys(20..25) }),
            ),
        ];
        for _ in 0..4 {
            requests.push((
                Method::GET,
                format!("{KEYS}/{}/bundles", phone.session.user),
                Some(&alice.session.access),
                json!({}),
            ));
        }
        if round % 3 == 0 {
            let path = format!("{KEYS}/device/{}", tablet.session.device);
            requests.push((Method::DELETE, path, Some(&phone.session.access), json!({})));
        }
        let half = requests.len() / 2;
        requests.rotate_left(round % half);
        let racing = requests.into_iter().enumerate().map(|(n, (method, path, access, body))| {
            let mut client = if n % 2 == 0 { service.client() } else { sandbox.client() };
            if let Some(access) = access {
                client = client.bearer(access);
            }
            async move { client.send(method, &path, &body).await }
        });
        let replies = together(racing).await;
        let failed: Vec<_> = replies.iter().filter(|r| r.status.is_server_error()).collect();
        assert!(failed.is_empty(), "round {round}: {:?}", tally(&replies));
        let session = replies.iter().find(|reply| !reply.json()["accessToken"].is_null());
        let session = tests::Session::from_reply(session.expect("the log-in is answered"));
        tablet = Person::of(&service, session, keys);

        let mut bundles: Vec<Value> = replies
            .iter()
            .filter_map(|reply| reply.json()["devices"].as_array().cloned())
            .flatten()
            .collect();
        let after = alice.fetch(&tablet).await;
        if after.status == 200 {
            bundles.push(after.json());
        }
        for bundle in bundles {
            if bundle["deviceId"] != tablet.session.device {
                continue;
            }
            let of = known.iter().find(|keys| bundle["identityKey"] == keys.identity());
            let of = of.expect("an identity key that was published");
            let signed = bundle["signedPreKey"]["keyId"].as_i64().unwrap();
            assert_eq!(bundle["signedPreKey"], of.signed_prekey(signed), "round {round}");
            let kyber = bundle["kyberPreKey"]["keyId"].as_i64().unwrap();
            assert_eq!(bundle["kyberPreKey"], of.kyber_prekey(kyber), "round {round}");
            if let (Some(id), _) = ids(&bundle) {
                assert_eq!(bundle["preKey"], of.prekey(id), "round {round}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_log_ins_of_new_devices_have_numbers_of_their_own() {
    let service = unlimited().await;
    let client = service.client();
    let _ = client.sign_up(BOB).await;
    let mut bodies = Vec::new();
    // As many as an account may have.
    for n in 0..9 {
        let id = client.verified("login", BOB).await;
        bodies.push(json!({
            "verificationId": id, "deviceId": format!("device {n}"),
            "signalKeyBundle": Keys::new().bundle(1..2, 1..2),
        }));
    }
    let mut sandboxes = Vec::new();
    for _ in 0..5 {
        sandboxes.push(service.sandbox().await.client());
    }
    let log_ins = bodies.into_iter().enumerate().map(|(n, body)| {
        let client = if n % 2 == 0 { client.clone() } else { sandboxes[n / 2].clone() };
        async move { client.post("/auth/v1/login", body).await }
    });
    let replies = together(log_ins).await;
    assert_eq!(tally(&replies), counts([("200", 9)]));
    let rows = service.rows("SELECT signal_device_id FROM auth.devices WHERE signal_device_id IS NOT NULL ORDER BY 1").await;
    let numbers: Vec<_> =
        rows.iter().map(|row| row["signal_device_id"].as_i64().unwrap()).collect();
    assert_eq!(numbers, (1..=9).collect::<Vec<_>>());
    let version = "SELECT count(*) FROM auth.users_auth WHERE device_list_version = 9";
    assert_eq!(service.count(version).await, 1);
}

#[tokio::test]
async fn numbers_count_up_and_rest_before_another_device_has_them() {
    let service = unlimited().await;
    let client = service.client();
    let phone = Person::new(&service, BOB, 1, 1).await;
    let user = &phone.session.user;
    // What deleting devices leaves: 127 was the newest, 5 had this registration id.
    let release = async |number: i64, registration: i64, days: i64| {
        let at = service.now().millis() - days * 24 * 3600 * 1000;
        service
            .sql(&format!(
                "INSERT INTO auth.released_signal_device_ids VALUES
                   ('{user}', {number}, {registration}, to_timestamp({at} / 1000.0))"
            ))
            .await;
    };
    release(2, 111, 1).await;
    let tablet = Person::device(&service, BOB, "tablet").await;
    assert_eq!(phone.list(user).await["devices"][1]["signalDeviceId"], 3, "2 rests");
    release(127, 222, 10).await;
    release(5, 333, 90).await;
    let log_in = async |device: &str, registration: u32| {
        let mut bundle = Keys::new().bundle(1..2, 1..2);
        bundle["registrationId"] = json!(registration);
        let id = client.verified("login", BOB).await;
        let body = json!({
            "verificationId": id, "deviceId": device, "signalKeyBundle": bundle,
        });
        client.post("/auth/v1/login", body).await
    };
    let reply = log_in("desktop", 333).await;
    reply.refused(409, "device_ids_exhausted");
    assert_eq!(service.count("SELECT count(*) FROM auth.devices").await, 2);
    let _ = log_in("desktop", 334).await.expect(200);
    let list = phone.list(user).await;
    let numbers: Vec<_> = list["devices"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| d["signalDeviceId"].as_i64().unwrap())
        .collect();
    assert_eq!(numbers, [1, 3, 5]);
    // In use again, it is not given out twice.
    log_in("web", 444).await.refused(409, "device_ids_exhausted");
    // Without keys it needs no number.
    let web = json!({ "verificationId": client.verified("login", BOB).await, "deviceId": "web" });
    let _ = client.post("/auth/v1/login", web).await.expect(200);
    log_in("web", 444).await.refused(409, "device_ids_exhausted");
    // A device that has a number comes back to it.
    let again = client.log_in_with(BOB, "tablet", tablet.keys.bundle(1..2, 1..2)).await;
    assert_eq!(again.device, tablet.session.device);
    service.advance(Duration::from_hours(80 * 24));
    let _ = log_in("web", 444).await.expect(200);
    let newest = "SELECT max(signal_device_id)::int8 FROM auth.devices";
    assert_eq!(service.count(newest).await, 127);
}

#[tokio::test]
async fn a_sender_learns_what_its_list_of_devices_lacks() {
    let service = unlimited().await;
    let phone = Person::new(&service, BOB, 1, 1).await;
    let tablet = Person::device(&service, BOB, "tablet").await;
    let desktop = Person::device(&service, BOB, "desktop").await;
    let alice = Person::new(&service, ALICE, 1, 1).await;
    let known = |id: i64, registration: u32| json!({ "signalDeviceId": id, "registrationId": registration });
    let check = async |who: &Person, devices: Value| {
        let body = json!({ "userId": phone.session.user, "devices": devices });
        who.client.post("/auth/v1/signal/devices/check", body).await
    };
    let all = json!([
        known(1, phone.keys.registration),
        known(2, tablet.keys.registration),
        known(3, desktop.keys.registration),
    ]);
    let none = json!({ "missing": [], "extra": [], "stale": [] });
    assert_eq!(check(&alice, all.clone()).await.expect(200).json(), none);
    let some = json!([
        known(9, 5),
        known(2, tablet.keys.registration % 16380 + 1),
        { "signalDeviceId": 3 },
    ]);
    let expected = json!({ "missing": [1], "extra": [9], "stale": [2] });
    assert_eq!(check(&alice, some).await.expect(200).json(), expected);
    // Of the own account this device is neither missing nor too many.
    let others = json!([all[1], all[2]]);
    assert_eq!(check(&phone, others).await.expect(200).json(), none);
    assert_eq!(check(&phone, all.clone()).await.expect(200).json(), none);
    let all_missing = json!({ "missing": [1, 2, 3], "extra": [], "stale": [] });
    assert_eq!(check(&alice, json!([])).await.expect(200).json(), all_missing);

    let twice = json!([known(1, 1), known(1, 2)]);
    check(&alice, twice).await.refused(400, "validation_failed");
    check(&alice, json!([known(128, 1)])).await.refused(400, "validation_failed");
    let nobody = "0190a5d0-0000-7000-8000-000000000000";
    let body = json!({ "userId": nobody, "devices": [] });
    let path = "/auth/v1/signal/devices/check";
    alice.client.post(path, body).await.refused(404, "user_not_found");
}

#[tokio::test]
async fn an_own_devices_keys_are_taken_out_and_the_device_stays() {
    let service = Service::with(&[("RATE_LIMITS", "off")]).await;
    let phone = Person::new(&service, BOB, 3, 3).await;
    let tablet = Person::device(&service, BOB, "tablet").await;
    let carol = Person::new(&service, CAROL, 3, 3).await;
    let delete =
        async |who: &Person, path: String| who.client.send(Method::DELETE, &path, &json!({})).await;
    let foreign = format!("{KEYS}/device/{}", carol.session.device);
    delete(&phone, foreign).await.refused(404, "device_not_found");
    delete(&phone, format!("{KEYS}/device/x")).await.refused(400, "id_malformed");
    assert_eq!(carol.status().await["availablePreKeys"], 3);

    let own = format!("{KEYS}/device/{}", tablet.session.device);
    let _ = delete(&phone, own.clone()).await.expect(204);
    let list = carol.list(&phone.session.user).await;
    assert_eq!(list["deviceIds"], json!([phone.session.device]));
    assert_eq!(list["version"], 3);
    carol.fetch(&tablet).await.refused(404, "keys_not_found");
    let _ = service.client().ws_token(&tablet.session.access).await.expect(200);
    // Again changes nothing.
    let _ = delete(&phone, own).await.expect(204);
    assert_eq!(phone.version().await, 3);
    assert_eq!(security_events(&service, "keys_deleted").await, 1);

    let _ = delete(&phone, KEYS.to_owned()).await.expect(204);
    carol.fetch_all(&phone.session.user).await.refused(404, "keys_not_found");
    assert_eq!(carol.list(&phone.session.user).await["version"], 4);
    assert_eq!(carol.status().await["availablePreKeys"], 3);
    let left = "SELECT count(*) FROM auth.prekeys k JOIN auth.devices d ON d.id = k.device_id
                 WHERE d.user_id = ";
    assert_eq!(service.count(&format!("{left}'{}'", phone.session.user)).await, 0);
    assert_eq!(service.count("SELECT count(*) FROM auth.devices").await, 3);
    let names: BTreeSet<String> =
        ["signed_prekeys", "kyber_last_resort_prekeys", "identity_keys"].map(str::to_owned).into();
    for table in names {
        assert_eq!(service.count(&format!("SELECT count(*) FROM auth.{table}")).await, 1);
    }
}
