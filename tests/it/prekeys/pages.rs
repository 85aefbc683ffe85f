//! Pages of one-time keys: what a take writes, who waits for whom, and what a late upload
//! changes.

use super::{ALICE, BOB, CAROL, KEYS, Person, ids, unlimited};
use serde_json::{Value, json};
use shared::store::statements;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use tests::Service;
use tests::stores::connect;
use tokio::task::JoinHandle;
use tokio_postgres::SimpleQueryMessage;

const UNBOUNDED: [(&str, &str); 2] = [("RATE_LIMITS", "off"), ("ONE_TIME_KEYS_BURST", "1000000")];

/// A short row version beside the old one, and none of the keys again.
#[tokio::test]
async fn a_take_rewrites_neither_keys_nor_indexes() {
    let service = unlimited().await;
    let _ = Person::new(&service, BOB, 100, 100).await;
    // So few that they would be in the row.
    let _ = Person::new(&service, CAROL, 3, 1).await;
    let client = connect(&service.stores.database_url).await;
    client.batch_execute("BEGIN; UPDATE auth.prekey_pages SET next = next + 1").await.unwrap();
    let row = client
        .query_one(
            "SELECT pg_stat_get_xact_tuples_updated(c.oid), pg_stat_get_xact_tuples_hot_updated(c.oid),
                    pg_stat_get_xact_tuples_inserted(c.reltoastrelid),
                    pg_relation_size(c.oid)
               FROM pg_class c WHERE c.oid = 'auth.prekey_pages'::regclass",
            &[],
        )
        .await
        .unwrap();
    let counts: [i64; 3] = [row.get(0), row.get(1), row.get(2)];
    assert_eq!(counts, [4, 4, 0], "updated, of them in place, written beside the table");
    assert_eq!(row.get::<_, i64>(3), 8192, "rows without their keys are in one block");
}

fn fetch(person: &Person, other: &Person) -> JoinHandle<Value> {
    let (client, path) = (person.client.clone(), other.path());
    tokio::spawn(async move { client.get(&path).await.expect(200).json() })
}

/// A take is in the middle of its work when an upload arrives that brings the same keys: the
/// upload knows what was taken.
#[tokio::test(flavor = "multi_thread")]
async fn an_upload_knows_what_a_take_took_while_it_waited() {
    let service = unlimited().await;
    let bob = Person::new(&service, BOB, 5, 5).await;
    let alice = Person::new(&service, ALICE, 0, 0).await;
    let holder = service.hold("UPDATE auth.prekey_pages SET next = next + 2").await;
    let bodies = [
        ("prekeys", json!({ "preKeys": bob.keys.prekeys(1..6) })),
        ("kyber-prekeys", json!({ "kyberPreKeys": bob.keys.kyber_prekeys(1..6) })),
    ];
    let uploads = bodies.map(|(kind, body)| {
        let client = bob.client.clone();
        tokio::spawn(async move { client.post(&format!("{KEYS}/{kind}"), body).await })
    });
    service.until_waiting(2).await;
    holder.batch_execute("COMMIT").await.unwrap();
    for upload in uploads {
        assert_eq!(upload.await.unwrap().expect(201).json()["uploaded"], 3);
    }
    assert_eq!(ids(&alice.fetch(&bob).await.expect(200).json()), (Some(3), Some(3)));
}

/// An upload replaces the page between a take's look at the index and its look at the page.
#[tokio::test(flavor = "multi_thread")]
async fn a_take_that_waits_for_an_upload_takes_from_the_new_page() {
    let service = unlimited().await;
    let bob = Person::new(&service, BOB, 1, 1).await;
    let carol = Person::new(&service, CAROL, 40, 40).await;
    let alice = Person::new(&service, ALICE, 0, 0).await;
    // The last keys are taken, and others come, both before the waiting take sees them.
    let holder = service.hold("SELECT FROM auth.prekey_pages FOR UPDATE").await;
    let waits = fetch(&alice, &bob);
    service.until_waiting(1).await;
    holder
        .batch_execute(&format!(
            "UPDATE auth.prekey_pages p SET next = 0, count = o.count, hashes = o.hashes, keys = o.keys
               FROM auth.prekey_pages o
              WHERE p.device_id = '{}' AND o.device_id = '{}' AND o.kind = p.kind; COMMIT",
            bob.session.device, carol.session.device
        ))
        .await
        .unwrap();
    let bundle = waits.await.unwrap();
    assert_eq!(bundle["preKey"], carol.keys.prekey(1));
    assert_eq!(bundle["kyberPreKey"], carol.keys.kyber_prekey(1));
}

/// A log-in with another identity key comes between: the take neither mixes the two nor comes
/// away empty. The other device of the same call is not taken from twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_take_that_waits_for_another_identity_is_repeated_for_that_device() {
    let service = unlimited().await;
    let phone = Person::new(&service, BOB, 5, 5).await;
    let tablet = Person::device(&service, BOB, "tablet").await;
    let alice = Person::new(&service, ALICE, 0, 0).await;
    let holder = service.hold("SELECT FROM auth.prekey_pages FOR UPDATE").await;
    let (client, user) = (alice.client.clone(), phone.session.user.clone());
    let waits = tokio::spawn(async move {
        client.get(&format!("{KEYS}/{user}/bundles")).await.expect(200).json()
    });
    service.until_waiting(1).await;
    holder
        .batch_execute(&format!(
            "UPDATE auth.identity_keys SET id = gen_random_uuid(), public_key = 'another'
              WHERE device_id = '{device}';
             UPDATE auth.prekey_pages p SET identity_id = i.id, next = 2 FROM auth.identity_keys i
              WHERE i.device_id = p.device_id AND i.device_id = '{device}'; COMMIT",
            device = tablet.session.device
        ))
        .await
        .unwrap();
    let bundles = waits.await.unwrap()["devices"].as_array().unwrap().clone();
    assert_eq!(bundles.len(), 2);
    assert_eq!(bundles[0]["identityKey"], phone.keys.identity());
    assert_eq!(ids(&bundles[0]), (Some(1), Some(1)));
    assert_eq!(bundles[1]["identityKey"], "another");
    assert_eq!(ids(&bundles[1]), (Some(3), Some(3)));
    assert_eq!(phone.status().await["availablePreKeys"], 4);
}

/// A log-in with another identity key comes between the check of signatures and their storage.
#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_waits_for_another_identity_stores_nothing() {
    let service = unlimited().await;
    let bob = Person::new(&service, BOB, 2, 2).await;
    let alice = Person::new(&service, ALICE, 0, 0).await;
    for (kind, body) in [
        ("signed-prekey", bob.keys.signed_prekey(9)),
        ("kyber-last-resort", bob.keys.kyber_prekey(99)),
        ("kyber-prekeys", json!({ "kyberPreKeys": bob.keys.kyber_prekeys(9..12) })),
    ] {
        let holder = service.hold("SELECT FROM auth.users_auth FOR NO KEY UPDATE").await;
        let (client, path) = (bob.client.clone(), format!("{KEYS}/{kind}"));
        let upload = tokio::spawn(async move { client.post(&path, body).await });
        service.until_waiting(1).await;
        let of_bob = format!("WHERE device_id = '{}'", bob.session.device);
        let another = format!(
            "UPDATE auth.identity_keys SET identity = '\\x05' || sha256(identity) {of_bob}"
        );
        holder.batch_execute(&format!("{another}; COMMIT")).await.unwrap();
        upload.await.unwrap().refused(409, "identity_key_missing");
        let again = format!(
            "UPDATE auth.identity_keys SET identity = decode('{}', 'base64') {of_bob}",
            bob.keys.identity()
        );
        service.sql(&again).await;
    }
    let bundle = alice.fetch(&bob).await.expect(200).json();
    assert_eq!(bundle["signedPreKey"], bob.keys.signed_prekey(1));
    assert_eq!(ids(&bundle), (Some(1), Some(1)));
}

/// A repeated or slow upload that arrived before the one that is stored.
#[tokio::test]
async fn an_upload_that_arrived_earlier_replaces_nothing() {
    let service = unlimited().await;
    let bob = Person::new(&service, BOB, 0, 0).await;
    let alice = Person::new(&service, ALICE, 0, 0).await;
    let upload = async |first: i64| {
        let keys = &bob.keys;
        let prekeys = bob.upload_prekeys(keys.prekeys(first..first + 5)).await.expect(201).json();
        let kyber = bob.upload_kyber(keys.kyber_prekeys(first..first + 5)).await.expect(201).json();
        let _ = bob.upload("signed-prekey", keys.signed_prekey(first)).await.expect(201);
        let _ = bob.upload("kyber-last-resort", keys.kyber_prekey(first + 10)).await.expect(201);
        assert_eq!((&prekeys["uploaded"], &kyber["uploaded"]), (&json!(5), &json!(5)));
        let bundle = alice.fetch(&bob).await.expect(200).json();
        (ids(&bundle), bundle["signedPreKey"]["keyId"].as_i64())
    };
    assert_eq!(upload(100).await, ((Some(100), Some(100)), Some(100)));
    // What is stored arrives at the same millisecond: a repeat replaces it.
    assert_eq!(upload(200).await, ((Some(200), Some(200)), Some(200)));
    // And now later than all that follow.
    service
        .sql(
            "UPDATE auth.prekey_pages SET arrived_at = arrived_at + interval '1 ms';
             UPDATE auth.signed_prekeys SET created_at = created_at + interval '1 ms';
             UPDATE auth.kyber_last_resort_prekeys SET created_at = created_at + interval '1 ms'",
        )
        .await;
    assert_eq!(upload(300).await, ((Some(201), Some(201)), Some(200)));
    let last = "SELECT key_id::int8 FROM auth.kyber_last_resort_prekeys
                  JOIN auth.devices d ON d.id = device_id WHERE d.user_id = ";
    assert_eq!(service.count(&format!("{last}'{}'", bob.session.user)).await, 210);
    // A log-in is never too early.
    let query = "SELECT device_fingerprint FROM auth.devices WHERE id = ";
    let row = service.rows(&format!("{query}'{}'", bob.session.device)).await.remove(0);
    let name = row["device_fingerprint"].as_str().unwrap();
    let _ = service.client().log_in_with(BOB, name, bob.keys.bundle(400..405, 400..405)).await;
    let bundle = alice.fetch(&bob).await.expect(200).json();
    assert_eq!(ids(&bundle), (Some(400), Some(400)));
}

/// Everything is counted: what was uploaded, what was handed out, what is left.
#[tokio::test(flavor = "multi_thread")]
async fn uploads_and_takes_of_many_devices_lose_and_double_nothing() {
    const ROUNDS: i64 = 8;
    let service = Service::with(&UNBOUNDED).await;
    let sandbox = service.sandbox().await;
    let alice = Person::new(&service, ALICE, 0, 0).await;
    let mut devices = Vec::new();
    for n in 0..3 {
        let phone = format!("+3363000000{n}");
        devices.push(Person::new(&service, &phone, 30, 30).await);
        devices.push(Person::device(&service, &phone, "tablet").await);
    }
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut taken = 0_i64;
    for round in 1..=ROUNDS {
        let mut work = Vec::new();
        for n in 0..12 {
            let service = if n % 2 == 0 { &service } else { &sandbox };
            let client = service.client().bearer(&alice.session.access);
            let mut users: Vec<_> =
                devices.iter().step_by(2).map(|one| one.session.user.clone()).collect();
            users.rotate_left(n % 3);
            if n % 4 < 2 {
                users.reverse();
            }
            let one = devices[n % 6].path();
            work.push(tokio::spawn(async move {
                let body = json!({ "userIds": users });
                let all = client.post(&format!("{KEYS}/bundles"), body).await.expect(200).json();
                let one = client.get(&one).await.expect(200).json();
                let mut bundles = vec![one];
                for user in all["users"].as_array().unwrap() {
                    bundles.extend(user["devices"].as_array().unwrap().clone());
                }
                bundles
            }));
        }
        for device in &devices {
            let client = device.client.clone();
            // Every second round repeats half of the list before.
            let first = round / 2 * 1000 + round % 2 * 20;
            let (ec, kyber) = (
                json!({ "preKeys": device.keys.prekeys(first..first + 40) }),
                json!({ "kyberPreKeys": device.keys.kyber_prekeys(first..first + 40) }),
            );
            work.push(tokio::spawn(async move {
                let _ = client.post(&format!("{KEYS}/prekeys"), ec).await.expect(201);
                let _ = client.post(&format!("{KEYS}/kyber-prekeys"), kyber).await.expect(201);
                Vec::new()
            }));
        }
        for bundles in work {
            for bundle in bundles.await.unwrap() {
                taken += 1;
                for kind in ["preKey", "kyberPreKey"] {
                    let key = bundle[kind]["publicKey"].as_str().expect("never none").to_owned();
                    *seen.entry(key).or_default() += 1;
                }
                assert_ne!(ids(&bundle).1, super::LAST_RESORT, "round {round}: falsely none");
            }
        }
    }
    let twice: Vec<_> = seen.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    // What the directory holds as handed out is what came, no more and no less.
    for kind in [1, 2] {
        let used = service
            .count(&format!(
                "SELECT (SELECT count(*) FROM auth.used_prekeys u WHERE u.kind = {kind} AND NOT EXISTS (
                   SELECT FROM auth.prekey_pages p, generate_series(0, p.next - 1) n
                    WHERE p.kind = u.kind AND substring(p.hashes FROM 16 * n + 1 FOR 16) = u.key_hash))
                 + (SELECT sum(next) FROM auth.prekey_pages WHERE kind = {kind})"
            ))
            .await;
        assert_eq!(used, taken, "kind {kind}");
    }
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    assert_eq!(service.count(deadlocks).await, 0);
}

/// With the plans that a connection makes once for all parameters, on tables of some size:
/// every key is found by an index.
#[tokio::test]
async fn no_statement_of_the_directory_scans_a_table() {
    let service = unlimited().await;
    let bob = Person::new(&service, BOB, 5, 5).await;
    let client = connect(&service.stores.database_url).await;
    let user = &bob.session.user;
    client
        .batch_execute(&format!(
            "INSERT INTO auth.users_auth SELECT gen_random_uuid(), '+9' || n, NULL, false, now(),
                    now(), now() FROM generate_series(1, 20000) n;
             INSERT INTO auth.devices (id, user_id, device_fingerprint, device_name, device_type,
                    is_verified, last_active, created_at, updated_at, signal_device_id)
             SELECT gen_random_uuid(), id, 'f', 'n', 'ios', true, now(), now(), now(), 1
               FROM auth.users_auth WHERE id <> '{user}';
             INSERT INTO auth.identity_keys (device_id, id, user_id, public_key, identity,
                    created_at, updated_at)
             SELECT id, gen_random_uuid(), user_id, 'k', '\\x05'::bytea || sha256(id::text::bytea),
                    now(), now() FROM auth.devices WHERE user_id <> '{user}';
             INSERT INTO auth.signed_prekeys (device_id, id, key_id, public_key, signature,
                    expires_at, created_at)
             SELECT device_id, id, 1, 'k', 's', now() + interval '7 days', now()
               FROM auth.identity_keys WHERE user_id <> '{user}';
             INSERT INTO auth.prekey_pages
             SELECT user_id, device_id, k, id, 0, 1, 38, now(), '\\x00', '\\x00'
               FROM auth.identity_keys, generate_series(1, 2) k WHERE user_id <> '{user}';
             INSERT INTO auth.used_prekeys
             SELECT user_id, 1 + n % 3, substr(sha256((device_id || ' ' || n)::bytea), 1, 16)
               FROM auth.identity_keys, generate_series(1, 6) n;
             ANALYZE auth.users_auth, auth.devices, auth.identity_keys, auth.signed_prekeys,
                     auth.prekey_pages, auth.used_prekeys;
             SET plan_cache_mode = force_generic_plan"
        ))
        .await
        .unwrap();
    let names = [
        "take_device_bundle",
        "take_bundles",
        "take_changed_bundles",
        "lock_account_keys",
        "replace_prekeys",
        "replace_kyber_prekeys",
        "replace_signed_prekey",
        "replace_last_resort",
        "publish_keys",
        "delete_device_keys",
        "delete_all_keys",
        "find_key_status",
        "find_device_list",
        "find_identity_key",
        "find_published_keys",
        "clean_up_keys",
    ];
    let known: BTreeSet<_> = statements().iter().map(|statement| statement.name()).collect();
    for name in names {
        assert!(known.contains(name), "{name}");
    }
    for statement in statements().iter().filter(|one| names.contains(&one.name())) {
        let name = statement.name();
        let types: Vec<_> = statement.types().iter().map(|(_, of)| of.name()).collect();
        let nulls = vec!["NULL"; types.len()].join(", ");
        client
            .batch_execute(&format!("PREPARE {name} ({}) AS {}", types.join(", "), statement.sql()))
            .await
            .unwrap();
        let plan = client.simple_query(&format!("EXPLAIN EXECUTE {name} ({nulls})")).await.unwrap();
        let mut text = String::new();
        for line in plan {
            if let SimpleQueryMessage::Row(row) = line {
                let _ = writeln!(text, "{}", row.get(0).unwrap_or_default());
            }
        }
        assert!(!text.contains("Seq Scan"), "{name}:\n{text}");
    }
}
