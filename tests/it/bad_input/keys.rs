//! Signal keys: lists too long, numbers out of range, ids twice, keys and signatures that are
//! none. What is wrong with the form is 400, what is wrong with a key is 422.

use super::fields::try_value;
use super::{Field, Fixture, Kind, Operation, Tried, operations_with_body};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tests::proof::{ISSUER, prove};
use tests::{Keys, Reply};

const REGISTER: &str = "/auth/v1/register";
const PREKEYS: &str = "/auth/v1/signal/keys/prekeys";
const KYBER_PREKEYS: &str = "/auth/v1/signal/keys/kyber-prekeys";
const LAST_RESORT: &str = "/auth/v1/signal/keys/kyber-last-resort";

/// The operation of a path that takes a body.
fn operation(path: &str) -> (Operation, Vec<Field>) {
    operations_with_body().find(|(operation, _)| operation.path == path).expect("an operation")
}

/// Sends a good body of this path, changed.
async fn send_changed(fixture: &Fixture, path: &str, change: impl FnOnce(&mut Value)) -> Reply {
    let (operation, fields) = operation(path);
    let mut body = fixture.good_body(path, &fields);
    change(&mut body);
    prove(ISSUER, &mut body);
    fixture.send(&operation, body.to_string()).await
}

/// The code and field of each fault that is told.
fn told(reply: &Reply) -> Vec<(String, String)> {
    let body = reply.json();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let errors = body["errors"].as_array().cloned().unwrap_or_default();
    errors.iter().map(|error| (text(&error["code"]), text(&error["field"]))).collect()
}

fn faults<const N: usize>(faults: [(&str, &str); N]) -> Vec<(String, String)> {
    faults.map(|(code, field)| (code.to_owned(), field.to_owned())).into()
}

#[tokio::test]
async fn numbers_out_of_their_range_are_refused() {
    let fixture = Fixture::new().await;
    let before = fixture.state().await;
    let mut tried = Tried::default();
    for (operation, fields) in operations_with_body() {
        for field in &fields {
            let Kind::Number { least, most } = field.kind else { continue };
            for number in [least - 1, most + 1, i64::MIN, i64::MAX, -least - 1] {
                try_value(&fixture, &operation, &fields, field, number.into()).await;
                tried.one();
            }
        }
    }
    tried.at_least(60);
    assert_eq!(fixture.state().await, before);
}

#[tokio::test]
async fn the_least_and_the_greatest_numbers_are_taken() {
    let fixture = Fixture::new().await;
    for (id, other) in [(0, 1), (2_147_483_647, 2_147_483_646)] {
        for path in [PREKEYS, KYBER_PREKEYS] {
            let list = if path == PREKEYS { "preKeys" } else { "kyberPreKeys" };
            let change = |body: &mut Value| {
                body[list][0]["keyId"] = json!(id);
                body[list][1]["keyId"] = json!(other);
            };
            let _ = send_changed(&fixture, path, change).await.expect(201);
        }
    }
    let mut keys = Keys::new();
    keys.registration = 16380;
    let change = |body: &mut Value| body["signalKeyBundle"] = keys.bundle(0..1, 0..1);
    let _ = send_changed(&fixture, REGISTER, change).await.expect(201);
}

/// A good list with this many elements.
fn list(keys: &Keys, field: &Field, length: usize) -> Value {
    let name = field.place.rsplit('.').next().unwrap_or_default();
    let count = i64::try_from(length).expect("a length");
    match name {
        "preKeys" => keys.prekeys(0..count).into(),
        "kyberPreKeys" => keys.kyber_prekeys(0..count).into(),
        "userIds" => {
            (0..count).map(|n| json!(format!("0190a5d0-0000-7000-8000-{n:012}"))).collect()
        }
        "devices" => (1..=count).map(|n| json!({ "signalDeviceId": n })).collect(),
        other => panic!("no good list is known for {other}"),
    }
}

#[tokio::test]
async fn lists_of_the_greatest_length_are_taken_and_one_more_is_refused() {
    let fixture = Fixture::new().await;
    let before = fixture.state().await;
    let mut tried = Tried::default();
    let mut good = Vec::new();
    for (operation, fields) in operations_with_body() {
        let mut full = fixture.good_body(&operation.path, &fields);
        let mut lists = 0;
        for field in &fields {
            let Kind::List(most) = field.kind else { continue };
            lists += 1;
            let long = list(&fixture.device_keys, field, most + 1);
            try_value(&fixture, &operation, &fields, field, long).await;
            // However many more, within the body's limit.
            if field.place != "kyberPreKeys" && !field.place.ends_with(".kyberPreKeys") {
                let longer = list(&fixture.device_keys, field, 1000);
                try_value(&fixture, &operation, &fields, field, longer).await;
            }
            full = field.put(full, list(&fixture.device_keys, field, most));
            tried.one();
        }
        if lists > 0 && !operation.path.ends_with("/login") {
            good.push((operation, full));
        }
    }
    tried.at_least(8);
    assert_eq!(fixture.state().await, before);

    for (operation, mut body) in good {
        if body.get("signalKeyBundle").is_some() {
            body["signalKeyBundle"] = Keys::new().bundle(0..200, 0..200);
            prove(ISSUER, &mut body);
        }
        if operation.path.ends_with("/bundles") {
            // Nobody has most of these ids.
            body["userIds"][7] = json!(fixture.session.user);
        }
        let reply = fixture.send(&operation, body.to_string()).await;
        assert!(reply.status.is_success(), "{}: {}", operation.path, reply.json());
    }
}

#[tokio::test]
async fn empty_lists_of_keys_are_taken_and_an_empty_list_of_users_is_not() {
    let fixture = Fixture::new().await;
    let before = fixture.state().await;
    for (path, list) in [(PREKEYS, "preKeys"), (KYBER_PREKEYS, "kyberPreKeys")] {
        let reply = send_changed(&fixture, path, |body| body[list] = json!([])).await.expect(201);
        assert_eq!(reply.json()["uploaded"], 0);
    }
    let bundles = "/auth/v1/signal/keys/bundles";
    let reply = send_changed(&fixture, bundles, |body| body["userIds"] = json!([])).await;
    let reply = reply.refused(400, "validation_failed");
    assert_eq!(told(&reply), faults([("invalid", "userIds")]));
    assert_eq!(fixture.state().await, before);
    let devices = "/auth/v1/signal/devices/check";
    let _ = send_changed(&fixture, devices, |body| body["devices"] = json!([])).await.expect(200);
}

#[tokio::test]
async fn a_fault_deep_in_a_list_is_named_by_its_place() {
    let fixture = Fixture::new().await;
    let before = fixture.state().await;
    let key = |body: &mut Value, n: usize, name: &str, value: Value| {
        body["signalKeyBundle"] = Keys::new().bundle(1..6, 1..6);
        body["signalKeyBundle"]["preKeys"][n][name] = value;
    };
    for (name, value, code, status) in [
        ("keyId", json!(-1), "invalid", 400),
        ("keyId", json!("1"), "wrong_type", 400),
        ("keyId", json!(1.0), "wrong_type", 400),
        ("keyId", Value::Null, "required", 400),
        ("keyId", json!(1), "duplicate", 400),
        ("publicKey", json!(3), "wrong_type", 400),
        ("publicKey", Value::Null, "required", 400),
        ("publicKey", json!("x"), "invalid", 422),
    ] {
        let reply = send_changed(&fixture, REGISTER, |body| key(body, 3, name, value)).await;
        let place = format!("signalKeyBundle.preKeys[3].{name}");
        assert_eq!((reply.status.as_u16(), told(&reply)), (status, faults([(code, &place)])));
    }
    for (value, place) in [
        (json!([[]]), "signalKeyBundle.preKeys[0]"),
        (json!([{ "keyId": 1, "publicKey": "x" }, 3]), "signalKeyBundle.preKeys[1]"),
    ] {
        let change = |body: &mut Value| body["signalKeyBundle"]["preKeys"] = value;
        let reply = send_changed(&fixture, REGISTER, change).await;
        assert_eq!(told(&reply), faults([("wrong_type", place)]));
    }
    assert_eq!(fixture.state().await, before);
}

#[tokio::test]
async fn all_faults_are_told_at_once_and_those_of_the_form_before_those_of_keys() {
    let fixture = Fixture::new().await;
    let before = fixture.state().await;
    let bad_keys = |body: &mut Value| {
        let bundle = &mut body["signalKeyBundle"];
        bundle["identityKey"] = json!("no key");
        bundle["preKeys"][1]["publicKey"] = json!("AAAA");
        bundle["kyberPreKeys"][0]["signature"] = json!("AAAA");
        bundle["kyberLastResortPreKey"]["publicKey"] = json!("AAAA");
    };
    let reply = send_changed(&fixture, REGISTER, bad_keys).await;
    let reply = reply.refused(422, "key_invalid");
    let expected = faults([
        ("invalid", "signalKeyBundle.identityKey"),
        ("invalid", "signalKeyBundle.preKeys[1].publicKey"),
        ("invalid", "signalKeyBundle.kyberPreKeys[0].signature"),
        ("invalid", "signalKeyBundle.kyberLastResortPreKey.publicKey"),
    ]);
    assert_eq!(told(&reply), expected);
    let bad_form = |body: &mut Value| {
        bad_keys(body);
        body["deviceType"] = json!("toaster");
        let bundle = &mut body["signalKeyBundle"];
        bundle["registrationId"] = json!(0);
        bundle["signedPreKey"].as_object_mut().unwrap().remove("signature");
        bundle["preKeys"][2]["keyId"] = json!(-1);
    };
    let reply = send_changed(&fixture, REGISTER, bad_form).await;
    let reply = reply.refused(400, "validation_failed");
    let expected = faults([
        ("invalid", "deviceType"),
        ("invalid", "signalKeyBundle.registrationId"),
        ("required", "signalKeyBundle.signedPreKey.signature"),
        ("invalid", "signalKeyBundle.preKeys[2].keyId"),
    ]);
    assert_eq!(told(&reply), expected);
    assert_eq!(fixture.state().await, before);
}

#[tokio::test]
async fn what_stands_twice_in_a_list_is_refused_at_its_second_place() {
    let fixture = Fixture::new().await;
    let before = fixture.state().await;
    for (path, within) in [
        (PREKEYS, "preKeys"),
        (KYBER_PREKEYS, "kyberPreKeys"),
        (REGISTER, "signalKeyBundle.preKeys"),
        (REGISTER, "signalKeyBundle.kyberPreKeys"),
    ] {
        let pointer = format!("/{}", within.replace('.', "/"));
        for names in [&["keyId"][..], &["publicKey"], &["keyId", "publicKey"]] {
            let change = |body: &mut Value| {
                let list = body.pointer_mut(&pointer).unwrap();
                for name in names {
                    list[1][name] = list[0][name].clone();
                }
            };
            let reply = send_changed(&fixture, path, change).await;
            let reply = reply.refused(400, "validation_failed");
            let places = names.iter().map(|name| format!("{within}[1].{name}"));
            let expected: Vec<_> = places.map(|place| ("duplicate".to_owned(), place)).collect();
            assert_eq!(told(&reply), expected, "{path}");
        }
    }
    // The same key in another spelling is the same.
    let change = |body: &mut Value| {
        let key = fixture.device_keys.public_bytes("prekey", 11);
        body["preKeys"][2]["publicKey"] = json!(BASE64.encode(&key[1..]).trim_end_matches('='));
    };
    let reply = send_changed(&fixture, PREKEYS, change).await;
    assert_eq!(told(&reply), faults([("duplicate", "preKeys[2].publicKey")]));

    let devices =
        json!([{ "signalDeviceId": 1 }, { "signalDeviceId": 2 }, { "signalDeviceId": 1 }]);
    let change = |body: &mut Value| body["devices"] = devices;
    let reply = send_changed(&fixture, "/auth/v1/signal/devices/check", change).await;
    assert_eq!(told(&reply), faults([("duplicate", "devices[2].signalDeviceId")]));
    assert_eq!(fixture.state().await, before);

    // A user who is named twice counts once.
    let user = json!(fixture.session.user);
    let change = |body: &mut Value| body["userIds"] = json!([user, user]);
    let reply = send_changed(&fixture, "/auth/v1/signal/keys/bundles", change).await.expect(200);
    assert_eq!(reply.json()["users"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_one_time_kyber_key_is_not_the_last_resort() {
    let fixture = Fixture::new().await;
    let before = fixture.state().await;
    for name in ["keyId", "publicKey"] {
        let change = |body: &mut Value| {
            let bundle = &mut body["signalKeyBundle"];
            let value = bundle["kyberLastResortPreKey"][name].clone();
            bundle["kyberPreKeys"][1][name] = value;
        };
        let reply = send_changed(&fixture, REGISTER, change).await;
        let reply = reply.refused(400, "validation_failed");
        assert_eq!(told(&reply), faults([("duplicate", "signalKeyBundle.kyberPreKeys[1]")]));
    }
    // Nor does either become the other later: a million is the last resort, 2 is waiting.
    let keys = &fixture.device_keys;
    let change = |body: &mut Value| body["kyberPreKeys"][1] = keys.kyber_prekey(1_000_000);
    let reply = send_changed(&fixture, KYBER_PREKEYS, change).await;
    assert_eq!(told(&reply.refused(400, "validation_failed")).len(), 1);
    let reply = send_changed(&fixture, LAST_RESORT, |body| *body = keys.kyber_prekey(2)).await;
    assert_eq!(told(&reply.refused(400, "validation_failed")).len(), 1);
    assert_eq!(fixture.state().await, before);
}

#[tokio::test]
async fn a_bundle_that_no_client_can_use_is_refused() {
    let fixture = Fixture::new().await;
    let before = fixture.state().await;
    let names = ["registrationId", "kyberLastResortPreKey"];
    for missing in [&names[..], &names[..1], &names[1..]] {
        for null in [true, false] {
            let change = |body: &mut Value| {
                let bundle = body["signalKeyBundle"].as_object_mut().unwrap();
                for name in missing {
                    if null {
                        bundle.insert((*name).to_owned(), Value::Null);
                    } else {
                        bundle.remove(*name);
                    }
                }
            };
            let reply = send_changed(&fixture, REGISTER, change).await;
            let reply = reply.refused(422, "kyber_last_resort_required");
            let places = missing.iter().map(|name| format!("signalKeyBundle.{name}"));
            let expected: Vec<_> = places.map(|place| ("required".to_owned(), place)).collect();
            assert_eq!(told(&reply), expected);
        }
    }
    assert_eq!(fixture.state().await, before);
    let change = |body: &mut Value| body["signalKeyBundle"]["kyberPreKeys"] = Value::Null;
    let _ = send_changed(&fixture, REGISTER, change).await.expect(201);
}

/// The two points of order eight.
const OF_ORDER_EIGHT: [&str; 2] = [
    "4Ot6fDtBuK4WVuP68Z/EatoJjeucMrH9hmIFFl9JuAA=",
    "X5yVvKNQjCSx0LFVnIPvWwREXMRYHI6G2CJO3dCfEVc=",
];

/// What is nearly a key or signature, by the field that it is put into.
fn near_misses(good: &str) -> Vec<String> {
    let bytes = BASE64.decode(good).unwrap();
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = bytes.clone();
        change(&mut bytes);
        BASE64.encode(bytes)
    };
    let mut all = vec![
        // By two: one byte less may be the raw form.
        with(&|bytes| bytes.truncate(bytes.len() - 2)),
        with(&|bytes| bytes.push(0)),
        with(&|bytes| bytes.extend_from_within(..)),
        format!("{good}="),
        format!("{good}===="),
        format!(" {good}"),
        format!("{}\n{}", &good[..20], &good[20..]),
        format!("data:;base64,{good}"),
        // No base64 at all, or of the other alphabet, or bits after its end.
        URL_SAFE.encode([0xff; 33]),
        "05".repeat(bytes.len()),
        "*".repeat(good.len()),
        format!("{}{}", &BASE64.encode(vec![5; 32])[..42], "h="),
    ];
    if bytes.len() == 64 {
        // Of the right length, and not over this key.
        all.extend([with(&|bytes| bytes[0] ^= 1), with(&|bytes| bytes[63] ^= 1)]);
        all.extend([BASE64.encode([0; 64]), BASE64.encode([0xff; 64])]);
    } else if bytes.len() == 33 {
        all.extend([0, 4, 6, 8, 0x85].map(|of| with(&|bytes| bytes[0] = of)));
        // Points of small order, numbers from 2^255 - 19 on, and what has the top bit.
        for (first, between, last) in [
            (0x00, 0x00, 0x00),
            (0x01, 0x00, 0x00),
            (0xec, 0xff, 0x7f),
            (0xed, 0xff, 0x7f),
            (0xee, 0xff, 0x7f),
            (0xff, 0xff, 0x7f),
            (0x00, 0x00, 0x80),
            (0x01, 0x00, 0x80),
            (0x09, 0x00, 0x80),
            (0xff, 0xff, 0xff),
        ] {
            let mut key = vec![between; 32];
            (key[0], key[31]) = (first, last);
            all.push(BASE64.encode(&key));
            key.insert(0, 5);
            all.push(BASE64.encode(&key));
        }
        all.extend(OF_ORDER_EIGHT.map(str::to_owned));
        all.push(with(&|bytes| bytes[32] |= 0x80));
    } else {
        all.extend([0, 5, 7, 9].map(|of| with(&|bytes| bytes[0] = of)));
        all.push(BASE64.encode(&bytes[1..]));
        // Coefficients at and above the prime: 3329 and 4095, first and last.
        all.push(with(&|bytes| bytes[1..3].copy_from_slice(&[0x01, 0x0d])));
        all.push(with(&|bytes| bytes[1535..=1536].copy_from_slice(&[0xff, 0xff])));
    }
    all
}

#[tokio::test]
async fn what_is_nearly_a_key_is_refused_by_its_place() {
    let fixture = Fixture::new().await;
    let before = fixture.state().await;
    let mut tried = Tried::default();
    let mut places = BTreeSet::new();
    for (operation, fields) in operations_with_body() {
        // The proof of a link comes later, and is compared where there are keys (`qr::keys`).
        let is_of_link = operation.path.contains("/qr-code/link");
        let is_compared = |field: &&Field| !(is_of_link && field.place.ends_with("identityProof"));
        for field in fields.iter().filter(|field| field.is_key()).filter(is_compared) {
            let good = fixture.good_body(&operation.path, &fields);
            for near in near_misses(field.of(&good).as_str().unwrap()) {
                try_value(&fixture, &operation, &fields, field, near.into()).await;
                tried.one();
            }
            places.insert(field.place.clone());
        }
    }
    tried.at_least(300);
    assert!(places.len() >= 12, "{places:?}");
    assert_eq!(fixture.state().await, before);
}

#[tokio::test]
async fn keys_are_taken_in_each_of_their_forms() {
    let fixture = Fixture::new().await;
    let raw = |key: &Value| {
        let bytes = BASE64.decode(key.as_str().unwrap()).unwrap();
        json!(BASE64.encode(&bytes[1..]).trim_end_matches('='))
    };
    let change = |body: &mut Value| {
        let bundle = &mut body["signalKeyBundle"];
        bundle["identityKey"] = raw(&bundle["identityKey"]);
        bundle["signedPreKey"]["publicKey"] = raw(&bundle["signedPreKey"]["publicKey"]);
        bundle["preKeys"][0]["publicKey"] = raw(&bundle["preKeys"][0]["publicKey"]);
        // Fields that nobody knows change nothing.
        bundle["signedPreKey"]["unknown"] = json!({ "keyId": -1 });
        bundle["unknown"] = json!([[1], null]);
    };
    let _ = send_changed(&fixture, REGISTER, change).await.expect(201);
}
