//! More bundles than an answer has room for: as many users as fit, and nothing is taken of the
//! others.

use super::{ALICE, CAROL, KEYS, Person, unlimited};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tests::Service;
use tests::keys::stock;

const USERS: usize = 50;
/// Of each user: as many as there are Signal device ids.
const DEVICES: usize = 127;
const LIMIT: usize = 5_000_000;

/// Users whose every device has keys in their longest spelling. Gives their ids.
async fn crowd(service: &Service) -> Vec<String> {
    let phones = "phone_number LIKE '+337%'";
    service
        .sql(&format!(
            "INSERT INTO auth.users_auth (id, phone_number, last_authenticated_at, created_at,
                    updated_at, device_list_version)
             SELECT md5('user ' || n)::uuid, '+337' || lpad(n::text, 8, '0'), now(), now(), now(),
                    9007199254740991
               FROM generate_series(1, {USERS}) n;
             INSERT INTO auth.devices (id, user_id, device_fingerprint, device_name, device_type,
                    is_verified, last_active, created_at, updated_at, signal_device_id)
             SELECT md5(u.id || ' ' || d)::uuid, u.id, 'device ' || d, 'x', 'ios', true, now(),
                    now(), now(), d
               FROM auth.users_auth u CROSS JOIN generate_series(1, {DEVICES}) d WHERE {phones};
             INSERT INTO auth.identity_keys (device_id, id, user_id, public_key, identity,
                    registration_id, created_at, updated_at)
             SELECT d.id, md5(d.id::text)::uuid, u.id, encode(k.key, 'base64'), k.key, 16380, now(),
                    now()
               FROM auth.users_auth u JOIN auth.devices d ON d.user_id = u.id
              CROSS JOIN LATERAL (SELECT '\x05'::bytea || sha256(convert_to(d.id::text, 'UTF8')) AS key) k
              WHERE {phones};
             INSERT INTO auth.signed_prekeys (device_id, id, key_id, public_key, signature,
                    expires_at, created_at)
             SELECT i.device_id, i.id, 2147483647, i.public_key, repeat('A', 86) || '==',
                    now() + interval '7 days', now()
               FROM auth.identity_keys i JOIN auth.users_auth u ON u.id = i.user_id
              WHERE {phones};
             {}",
            stock("true", 2)
        ))
        .await;
    let ids = format!("SELECT id FROM auth.users_auth WHERE {phones} ORDER BY phone_number");
    let rows = service.rows(&ids).await;
    rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// The devices of an answer, each with a one-time key, and the users that remain.
async fn ask(person: &Person, users: &[String]) -> (Vec<String>, Vec<String>) {
    let body = json!({ "userIds": users });
    let reply = person.client.post(&format!("{KEYS}/bundles"), body).await.expect(200);
    assert!(reply.body.len() < LIMIT, "{} bytes", reply.body.len());
    let answer = reply.json();
    let remaining = texts(&answer["remaining"]);
    if !remaining.is_empty() {
        assert!(reply.body.len() > LIMIT * 4 / 5, "{} bytes, and users remain", reply.body.len());
    }
    let mut devices = Vec::new();
    let answered = answer["users"].as_array().unwrap();
    let order: Vec<_> = answered.iter().map(|of| of["userId"].as_str().unwrap()).collect();
    assert_eq!(
        [&order[..], &remaining.iter().map(String::as_str).collect::<Vec<_>>()].concat(),
        users
    );
    for of in answered {
        let bundles = of["devices"].as_array().unwrap();
        assert_eq!(bundles.len(), DEVICES);
        for bundle in bundles {
            assert!(bundle["preKey"].is_object() && bundle["kyberPreKey"].is_object());
            devices.push(bundle["deviceId"].as_str().unwrap().to_owned());
        }
    }
    (devices, remaining)
}

#[tokio::test(flavor = "multi_thread")]
async fn users_that_an_answer_has_no_room_for_remain_and_lose_no_key() {
    let service = unlimited().await;
    let alice = Person::new(&service, ALICE, 0, 0).await;
    let users = crowd(&service).await;
    let taken = "SELECT coalesce(sum(next), 0)::int8 FROM auth.prekey_pages";
    let (mut left, mut seen, mut calls) = (users.clone(), BTreeSet::new(), 0);
    while !left.is_empty() {
        let (devices, remaining) = ask(&alice, &left).await;
        assert!(remaining.len() < left.len(), "no answer is empty");
        for device in devices {
            assert!(seen.insert(device), "a device is answered twice");
        }
        // Of each kind one of each device that was answered, and none of another.
        assert_eq!(service.count(taken).await, i64::try_from(2 * seen.len()).unwrap());
        (left, calls) = (remaining, calls + 1);
    }
    assert_eq!((seen.len(), calls), (USERS * DEVICES, 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_callers_take_at_once_is_what_they_are_answered() {
    let service = unlimited().await;
    let people =
        [Person::new(&service, ALICE, 0, 0).await, Person::new(&service, CAROL, 0, 0).await];
    let users = crowd(&service).await;
    let (one, other) = tokio::join!(ask(&people[0], &users), ask(&people[1], &users));
    let answered = one.0.len() + other.0.len();
    let taken = "SELECT coalesce(sum(next), 0)::int8 FROM auth.prekey_pages";
    assert_eq!(service.count(taken).await, i64::try_from(2 * answered).unwrap());
}

#[tokio::test]
async fn an_answer_with_room_for_all_has_none_remaining() {
    let service = unlimited().await;
    let alice = Person::new(&service, ALICE, 1, 1).await;
    let carol = Person::new(&service, CAROL, 1, 1).await;
    let body = json!({ "userIds": [carol.session.user] });
    let reply = alice.client.post(&format!("{KEYS}/bundles"), body).await.expect(200).json();
    assert_eq!(reply["remaining"], json!([]));
}
