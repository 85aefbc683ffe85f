//! Every operation that changes something leaves an entry in the trail of its account.

use super::PHONE;
use http::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tests::proxy::Lost;
use tests::stores::Stores;
use tests::{Authenticator, Keys, Proxy, Service};

use crate::examples::try_all;
use crate::sources::operations;

/// Operations with a body that leave no entry, and why.
const WITHOUT_ENTRY: [(&str, &str); 19] = [
    (
        "approve_qr_challenge",
        "changes nothing of the account; the log-in that it allows is entered",
    ),
    ("approve_qr_link", "changes nothing of the account; the log-in that it allows is entered"),
    ("confirm_phone_change_verification", "proves a number; the change that uses it is entered"),
    ("create_qr_challenge", "begins a log-in, which is entered if it succeeds"),
    ("create_qr_link", "begins a log-in, which is entered if it succeeds"),
    ("deny_qr_challenge", "ends a log-in that changed nothing"),
    ("deny_qr_link", "ends a log-in that changed nothing"),
    ("scan_qr_challenge", "begins a log-in, which is entered if it succeeds"),
    ("start_phone_change_verification", "requests a code: anybody may, for any number"),
    ("check_key_devices", "reads"),
    ("check_keys", "reads"),
    ("confirm_login_verification", "proves a number; the log-in or change that uses it is entered"),
    ("confirm_registration_verification", "proves a number; the registration is entered"),
    ("fetch_bundles", "takes keys: as often as users write to each other"),
    ("issue_ws_token", "stores nothing"),
    ("refresh_tokens", "goes on with a session that is entered; its reuse is entered"),
    ("resend_verification", "requests a code: anybody may, for any number"),
    ("start_login_verification", "requests a code: anybody may, for any number"),
    ("start_registration_verification", "requests a code: anybody may, for any number"),
];

/// Operations that find nothing to change in their place among the examples. Tests below try them.
const NOTHING_LEFT: [(&str, &str); 2] = [
    ("cancel_second_factor_reset", "no reset is pending"),
    ("delete_all_keys", "delete_device_keys before it deletes the only ones"),
];

#[tokio::test]
async fn every_operation_that_changes_something_leaves_an_entry() {
    let entries: BTreeMap<String, i64> = try_all(0).await.into_iter().collect();
    let operations = operations();
    for (id, _) in WITHOUT_ENTRY {
        let changes = operations.iter().any(|one| one.id == id && one.method != Method::GET);
        assert!(changes, "{id} of the list is gone, or only reads");
    }
    let mut missing = Vec::new();
    for operation in &operations {
        let id = operation.id.as_str();
        let left = entries.get(id).copied();
        let left = left.unwrap_or_else(|| panic!("{id} has no place among the examples"));
        if operation.method == Method::GET || WITHOUT_ENTRY.iter().any(|(name, _)| *name == id) {
            assert_eq!(left, 0, "{id} leaves an entry: it does not belong to `WITHOUT_ENTRY`");
        } else if NOTHING_LEFT.iter().any(|(name, _)| *name == id) {
            assert_eq!(left, 0, "{id} leaves an entry: it does not belong to `NOTHING_LEFT`");
        } else if left == 0 {
            missing.push(id);
        }
    }
    assert!(
        missing.is_empty(),
        "{missing:?} leave no entry: write a `SecurityEvent` in the transaction of the change, or add \
         the operation with the reason to `WITHOUT_ENTRY` in tests/it/trail/entries.rs"
    );
}

#[tokio::test]
async fn a_deletion_of_all_keys_leaves_an_entry() {
    let service = super::unlimited().await;
    let session = service.client().sign_up_with(PHONE, Keys::new().bundle(1..4, 1..4)).await;
    let client = service.client().bearer(&session.access);
    let _ = client.send(Method::DELETE, "/auth/v1/signal/keys", &json!({})).await.expect(204);
    let entries = service.rows("SELECT entry FROM auth.security_events ORDER BY seq").await;
    assert_eq!(entries.len(), 2, "{entries:?}");
    assert!(entries[1]["entry"].as_str().unwrap().contains("\"keys_deleted\""));
}

/// The connection is lost at each exchange with Postgres. The call is repeated, and finds its entry.
#[tokio::test]
async fn a_repeated_call_leaves_one_entry() {
    for part in [Lost::Request, Lost::Reply] {
        for skip in 0.. {
            let stores = Stores::fresh().await;
            let (proxy, url) = Proxy::before(&stores.database_url).await;
            let variables = [("DATABASE_URL", url.as_str()), ("RATE_LIMITS", "off")];
            let service = Service::over(stores, &variables).await;
            let keys = Keys::new();
            let session = service.client().sign_up_with(PHONE, keys.bundle(1..4, 1..4)).await;
            let client = service.client().bearer(&session.access);
            let mut losses = 0;
            let mut send = async |method: Method, path: &str, body: Value, event: &str| {
                let count = "SELECT count(*) FROM auth.security_events";
                let before = service.count(count).await;
                proxy.lose(skip, part);
                let reply = client.send(method, &format!("/auth/v1/{path}"), &body).await;
                losses += usize::from(!proxy.has_loss_pending());
                proxy.lose(1_000_000, Lost::Request);
                let context = format!("{event} {part:?} {skip}: {}", reply.json());
                assert!(reply.status.is_success(), "{context}");
                assert_eq!(service.count(count).await, before + 1, "{context}");
                let last = "SELECT entry::jsonb->>'event' AS event FROM auth.security_events
                             ORDER BY seq DESC LIMIT 1";
                assert_eq!(service.rows(last).await[0]["event"], event, "{context}");
                reply.json()
            };
            let device = format!("device/{}", session.device);
            let name = json!({ "deviceName": "Another" });
            let _ = send(Method::PATCH, &device, name, "device_changed").await;
            for (path, body) in [
                ("signed-prekey", keys.signed_prekey(7)),
                ("prekeys", json!({ "preKeys": keys.prekeys(40..43) })),
                ("kyber-prekeys", json!({ "kyberPreKeys": keys.kyber_prekeys(40..42) })),
                ("kyber-last-resort", keys.kyber_prekey(1_000_007)),
            ] {
                let path = format!("signal/keys/{path}");
                let _ = send(Method::POST, &path, body, "prekeys_uploaded").await;
            }
            let set_up = send(Method::POST, "2fa/setup", json!({}), "second_factor_set_up").await;
            let app = Authenticator::from_base32(set_up["secret"].as_str().unwrap());
            let token = json!({ "token": app.at(service.now()) });
            let enabled = send(Method::POST, "2fa/enable", token, "second_factor_enabled").await;
            let code = &enabled["backupCodes"][0];
            let token = json!({ "token": code });
            let _ = send(Method::POST, "2fa/verify", token, "backup_code_used").await;
            service.advance(std::time::Duration::from_secs(30));
            let token = json!({ "token": app.at(service.now()) });
            let _ = send(Method::POST, "2fa/verify", token, "second_factor_verified").await;
            if losses == 0 {
                assert!(skip >= 4, "a request has more exchanges than {skip}");
                break;
            }
        }
    }
}
