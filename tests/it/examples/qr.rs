//! Each operation of a QR log-in has one of its own, made up to where the operation belongs.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use tests::{Client, Reply, Session};

/// What earlier answers gave, by the names of fields.
pub type Given = BTreeMap<String, String>;

/// Prepares a QR log-in that a device decides.
pub async fn prepare(client: &Client, phone: &Session, operation: &str) -> Given {
    let approver = client.clone().bearer(&phone.access);
    let mut given = Given::new();
    let mut give = |name: &str, value: &str| given.insert(name.to_owned(), value.to_owned());
    let path = match operation {
        "create_qr_link" => return given,
        "create_qr_challenge" => {
            give("id", &phone.device);
            return given;
        }
        link if link.contains("link") => {
            given = texts(&client.post("/auth/v1/qr-code/link", new_device()).await);
            format!("/auth/v1/qr-code/link/{}", given["linkId"])
        }
        _ => {
            let path = format!("/auth/v1/qr-code/challenge/{}", phone.device);
            let shown = approver.post(&path, json!({})).await.expect(201);
            let shown = String::from_utf8(shown.body).unwrap();
            give("challenge", &shown);
            give("authenticatedDeviceId", &phone.device);
            if operation == "scan_qr_challenge" {
                return given;
            }
            let mut body = new_device();
            body["challenge"] = json!(shown);
            body["authenticatedDeviceId"] = json!(phone.device);
            given = texts(&client.post("/auth/v1/qr-code/scan", body).await);
            given.insert("id".to_owned(), given["scanId"].clone());
            format!("/auth/v1/qr-code/challenge/{}", given["scanId"])
        }
    };
    if operation.starts_with("poll") {
        let body = json!({ "confirmCode": given["confirmCode"] });
        let _ = approver.post(&format!("{path}/approve"), body).await.expect(204);
    }
    given
}

/// The new device of the examples.
fn new_device() -> Value {
    json!({ "deviceName": "Firefox on Linux", "deviceType": "web", "appVersion": "2.4.1" })
}

fn texts(reply: &Reply) -> Given {
    let answer = reply.json();
    assert!(reply.status.is_success(), "{answer}");
    let fields = answer.as_object().expect("an object").iter();
    fields.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}
