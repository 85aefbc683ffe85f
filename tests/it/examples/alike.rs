//! Compares what the service answers with the example of the document.

use serde_json::{Value, json};
use std::collections::BTreeSet;
use tests::token;
use uuid::Uuid;

/// Fields of answers that differ each time, and one-time keys, of which each call takes the next: the
/// example has their form alone.
const VARYING: [&str; 41] = [
    "at",
    "address",
    "isActive",
    "recoveryCode",
    "deviceCount",
    "lastRefreshedAt",
    "expiresAt",
    "lastAuthenticatedAt",
    "verificationId",
    "accessToken",
    "refreshToken",
    "wsToken",
    "userId",
    "deviceId",
    "deviceIds",
    "installationId",
    "timestamp",
    "signedPreKeyExpiresAt",
    "version",
    "preKey",
    "kyberPreKey",
    "keys", // of the key set
    "sms",
    "id",
    "secret",
    "otpauthUri",
    "qrCodeUrl",
    "backupCodes",
    "lastActive",
    "createdAt",
    "isCurrent",
    "isVerified",
    "sessionId",
    "scanId",
    "scanSecret",
    "linkId",
    "linkSecret",
    "confirmCode",
    "qr",
    "qrPng",
    "qrSvg",
];

/// Lists to which each earlier operation may have added: the example is their last entry.
const GROWING: [&str; 7] = [
    "list_devices",
    "list_log_ins.entries",
    "list_security_events.entries",
    "export_account.devices",
    "export_account.sessions",
    "export_account.loginHistory",
    "export_account.securityEvents",
];

/// Operations whose answers hold more than the description says: fields for older clients, and the
/// description itself.
const WITH_MORE: [&str; 5] =
    ["list_devices", "fetch_device", "update_device", "fetch_prekey_bundle", "fetch_openapi"];

/// An answer is its example, but for what varies.
#[track_caller]
pub fn assert_alike(place: &str, example: &Value, answer: &Value) {
    match (example, answer) {
        (Value::Object(example), Value::Object(answer)) => {
            let names: BTreeSet<&String> = answer.keys().collect();
            let is_whole = !WITH_MORE.contains(&place);
            assert!(!is_whole || names == example.keys().collect(), "{place}: {answer:?}");
            for (name, example) in example {
                let inner = format!("{place}.{name}");
                let answer = answer.get(name).unwrap_or_else(|| panic!("{inner} is missing"));
                if VARYING.contains(&name.as_str()) {
                    assert_form(&inner, example, answer);
                } else {
                    assert_alike(&inner, example, answer);
                }
            }
        }
        (Value::Array(example), Value::Array(answer)) if GROWING.contains(&place) => {
            assert!(example.len() < answer.len(), "{place}: {answer:?}");
            assert_alike(place, &example[0], answer.last().expect("an entry"));
        }
        (Value::Array(example), Value::Array(answer)) => {
            assert_eq!(example.len(), answer.len(), "{place}: {answer:?}");
            for (example, answer) in example.iter().zip(answer) {
                assert_alike(place, example, answer);
            }
        }
        _ => assert_eq!(example, answer, "{place}"),
    }
}

/// A value has the form of its example: the same fields, ids of the same version, tokens with the same
/// claims, other texts of the same length.
#[track_caller]
pub fn assert_form(place: &str, example: &Value, value: &Value) {
    match (example, value) {
        (Value::Object(example), Value::Object(value)) => {
            assert_eq!(names(&json!(example)), names(&json!(value)), "{place}");
            for (name, example) in example {
                assert_form(&format!("{place}.{name}"), example, &value[name]);
            }
        }
        (Value::Array(example), Value::Array(value)) => {
            for value in value {
                assert_form(place, &example[0], value);
            }
        }
        (Value::String(example), Value::String(value)) => {
            let id = |text: &str| Uuid::try_parse(text).ok().filter(|_| text.contains('-'));
            let version = |text: &str| id(text).map(|id| id.get_version_num());
            assert_eq!(version(example), version(value), "{place}: {example} and {value}");
            if example.starts_with("eyJ") {
                for part in [token::header, token::claims] {
                    assert_eq!(names(&part(example)), names(&part(value)), "{place}");
                }
                assert_eq!(token::header(example)["typ"], token::header(value)["typ"], "{place}");
            } else if let Some((kind, _)) =
                example.split_once([',', ' ']).filter(|_| is_picture(example))
            {
                assert!(value.starts_with(kind), "{place}: {value}");
            } else {
                assert_eq!(example.len(), value.len(), "{place}: {example} and {value}");
            }
        }
        (Value::Number(_), Value::Number(_)) | (Value::Bool(_), Value::Bool(_)) => {}
        _ => panic!("{place}: {example} and {value}"),
    }
}

/// A picture, whose length differs.
fn is_picture(text: &str) -> bool {
    text.starts_with("data:") || text.starts_with("<svg ")
}

fn names(value: &Value) -> BTreeSet<String> {
    value.as_object().expect("an object").keys().cloned().collect()
}
