//! The examples of the OpenAPI document: requests that the service accepts as they stand, but for what
//! only its earlier answers give, and the answers that it gives then.
//!
//! `UPDATE_SNAPSHOTS=1 cargo test -p tests --test it examples` writes the keys of the examples anew.

mod alike;
pub mod qr;

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use domain::time::Timestamp;
use http::Request;
use serde_json::{Value, json};
use shared::http::examples::{PHONE_NUMBER, VERIFICATION_ID};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::IpAddr;
use std::process::Command;
use std::time::Duration;
use tests::contract::DOCUMENT;
use tests::proof::{ISSUER, keys_digest, message};
use tests::{Authenticator, Client, Keys, Reply, Service, Session};
use uuid::Uuid;

use crate::sources::{Operation, operations, read};
use alike::{assert_alike, assert_form};

const KEYS: &str = "shared/src/http/examples/keys.json";

/// Of a TOTP code.
const STEP: Duration = Duration::from_secs(30);

/// Groups and operations that come last, in this order: they end sessions of the others.
const LAST: [&str; 10] = [
    "two-factor",
    "remove_device",
    "account",
    "set_registration_lock",
    "remove_registration_lock",
    "change_phone_number",
    "undo_account_changes",
    "delete_account",
    "logout_session",
    "logout_all_sessions",
];

/// What the number of the account becomes.
const NEW_PHONE_NUMBER: &str = "+12025550199";

/// Operations of a sender, the other device of the account: a device is not told its own keys.
const OF_A_SENDER: [&str; 5] = [
    "list_key_devices",
    "check_key_devices",
    "fetch_prekey_bundle",
    "fetch_user_bundles",
    "fetch_bundles",
];

#[test]
fn the_example_keys_are_those_of_the_recorded_identity() {
    let keys = Keys::recorded();
    let mut bundle = keys.bundle(1..4, 1..2);
    let proof = keys.sign(&message(ISSUER, &VERIFICATION_ID, &bundle).expect("keys"));
    bundle["identityProof"] = json!(proof);
    let mut uploads = json!({
        "signedPreKey": keys.signed_prekey(2),
        "preKeys": keys.prekeys(4..9),
        "kyberPreKeys": keys.kyber_prekeys(2..3),
        "kyberLastResortPreKey": keys.kyber_prekey(1_000_001),
        "identityKey": keys.identity(),
    });
    let digest = keys_digest(&uploads).expect("keys");
    uploads.as_object_mut().unwrap().remove("identityKey");
    uploads["digest"] = json!(BASE64.encode(digest));
    uploads["signalKeyBundle"] = bundle;

    let made = serde_json::to_string_pretty(&uploads).unwrap() + "\n";
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::write(local::paths::workspace().join(KEYS), &made).unwrap();
    }
    assert_eq!(read(KEYS), made, "{KEYS} is stale: UPDATE_SNAPSHOTS=1 writes it anew");
}

/// The examples of a body by their names, as the document orders them.
fn examples(content: &Value) -> Vec<(String, Value)> {
    if let Some(example) = content.get("example") {
        return vec![("example".to_owned(), example.clone())];
    }
    let named = content["examples"].as_object().into_iter().flatten();
    let resolved = named.map(|(name, example)| {
        let pointer = example["$ref"].as_str().and_then(|path| path.strip_prefix('#'));
        let example = pointer.and_then(|pointer| DOCUMENT.pointer(pointer)).expect(name);
        (name.clone(), example["value"].clone())
    });
    resolved.collect()
}

#[test]
fn every_body_has_an_example_and_each_example_is_some_bodys() {
    let mut used = BTreeSet::new();
    for Operation { id, spec, .. } in operations() {
        let request = spec["requestBody"]["content"].as_object().into_iter().flatten();
        let mut contents: Vec<(&str, &Value)> =
            request.map(|(_, content)| ("body", content)).collect();
        for (status, response) in spec["responses"].as_object().unwrap() {
            let of_status = response["content"].as_object().into_iter().flatten();
            contents.extend(of_status.map(|(_, content)| (status.as_str(), content)));
        }
        for (place, content) in contents {
            let examples = examples(content);
            assert!(!examples.is_empty(), "{id} {place}: no example");
            used.extend(examples.into_iter().map(|(name, _)| name));
        }
        for parameter in spec["parameters"].as_array().into_iter().flatten() {
            assert!(
                parameter.get("example").is_some(),
                "{id}: no example of {}",
                parameter["name"]
            );
            assert!(
                parameter["description"].is_string(),
                "{id}: where {} is from",
                parameter["name"]
            );
        }
    }
    used.remove("example");
    let named: BTreeSet<String> =
        DOCUMENT["components"]["examples"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(named, used);
}

/// Each status names its codes, and shows what a client receives for each. That refusals look so is
/// checked on every answer of every test.
#[test]
fn every_code_of_an_operation_has_its_example() {
    for Operation { id, spec, .. } in operations() {
        for (status, response) in spec["responses"].as_object().unwrap() {
            let Some(content) = response["content"].get("application/problem+json") else {
                continue;
            };
            let lines = response["description"].as_str().unwrap().lines();
            let codes: BTreeSet<&str> = lines.filter_map(|line| line.split('`').nth(1)).collect();
            let examples: BTreeMap<String, Value> = examples(content).into_iter().collect();
            let shown: BTreeSet<&str> = examples.keys().map(String::as_str).collect();
            assert_eq!(shown, codes, "{id} {status}");
            for (code, example) in examples {
                assert_eq!(example["code"], code, "{id} {status}");
                assert_eq!(example["status"].to_string(), *status, "{id} {status}: {code}");
            }
        }
    }
}

/// The operations as a reader meets them: in the order of the tags, and within one as the document has
/// them.
fn in_order() -> Vec<Operation> {
    let document = local::openapi();
    let tags: Vec<String> = document.tags.iter().flatten().map(|tag| tag.name.clone()).collect();
    let place = |path: &String| document.paths.paths.get_index_of(path);
    let mut all = operations();
    all.sort_by_key(|one| {
        let tag = tags.iter().position(|tag| tag == one.function);
        (tag.expect("a tag"), place(&one.path))
    });
    for last in LAST {
        let is_last = |one: &Operation| last == one.id || last == one.function;
        let (moved, others): (Vec<_>, Vec<_>) = all.into_iter().partition(is_last);
        assert!(!moved.is_empty(), "{last} is gone");
        all = others.into_iter().chain(moved).collect();
    }
    all
}

/// A reader of the document, who tries one operation after the other.
struct Reader {
    client: Client,
    /// The ids of verifications, by what they are for.
    verifications: BTreeMap<&'static str, String>,
    with_keys: Session,
    without_keys: Session,
    /// The one of them that registered: the other is new to the account, and may not change it yet.
    first: Session,
    /// The app that read the secret of the second factor, and the newest backup codes.
    authenticator: Option<Authenticator>,
    used_code_of: Cell<Option<Timestamp>>,
    backup_codes: Vec<String>,
    /// Of the QR log-in that the operation goes on with.
    qr: qr::Given,
}

impl Reader {
    fn new(service: &Service) -> Self {
        let client = service.client();
        let (with_keys, without_keys, first, backup_codes) = Default::default();
        Self {
            client,
            verifications: BTreeMap::new(),
            with_keys,
            without_keys,
            first,
            authenticator: None,
            used_code_of: Cell::default(),
            backup_codes,
            qr: qr::Given::new(),
        }
    }

    /// What an earlier answer gave for a field of this name.
    async fn given(&self, path: &str, field: &str) -> Option<Value> {
        let session = &self.with_keys;
        if let Some(given) = self.qr.get(field) {
            return Some(json!(given));
        }
        Some(match field {
            "verificationId" => json!(self.verifications[purpose(path)]),
            "code" => {
                let inbox = self.client.get("/dev/inbox").await.expect(200).json();
                inbox[0]["code"].clone()
            }
            "phoneNumber" if path.contains("change-phone") => json!(NEW_PHONE_NUMBER),
            "refreshToken" => json!(session.refresh),
            "previousToken" => json!(self.first.refresh),
            "userId" => json!(session.user),
            "userIds" => json!([session.user]),
            "deviceId" => json!(session.device),
            "token" if path.ends_with("backup-codes/use") => json!(self.backup_codes[0]),
            "token" => json!(self.next_totp_code()),
            _ => return None,
        })
    }

    /// A code that was not used yet: each is good once, from one step before now to one after.
    fn next_totp_code(&self) -> String {
        let service = &self.client.service;
        let before = service.now() - STEP;
        let at = self.used_code_of.get().map_or(before, |used| before.max(used + STEP));
        if at > service.now() + STEP {
            service.advance(STEP);
        }
        self.used_code_of.set(Some(at));
        self.authenticator.as_ref().expect("a set-up").at(at)
    }

    /// An example with what only earlier answers give.
    async fn filled(&self, path: &str, example: &Value) -> Value {
        let mut body = example.clone();
        for (field, value) in body.as_object_mut().expect("a JSON object") {
            if let Some(given) = self.given(path, field).await {
                assert_form(&format!("{path} {field}"), value, &given);
                *value = given;
            }
        }
        // The proof is for one verification: an app signs it anew.
        if body.get("signalKeyBundle").is_some() {
            let id = body["verificationId"].as_str().and_then(|id| Uuid::try_parse(id).ok());
            let message = message(ISSUER, &id.expect("an id"), &body["signalKeyBundle"]);
            body["signalKeyBundle"]["identityProof"] =
                json!(Keys::recorded().sign(&message.expect("keys")));
        }
        body
    }

    /// The path with the ids of earlier answers.
    async fn path_of(&self, operation: &Operation) -> String {
        let mut path = operation.path.clone();
        for parameter in operation.spec["parameters"].as_array().into_iter().flatten() {
            if parameter["in"] != "path" {
                continue;
            }
            let name = parameter["name"].as_str().unwrap();
            let given = self.given(&operation.path, name).await.expect(name);
            assert_form(&format!("{path} {name}"), &parameter["example"], &given);
            path = path.replace(&format!("{{{name}}}"), given.as_str().unwrap());
        }
        path
    }

    async fn send(&self, operation: &Operation, body: Option<&Value>) -> Reply {
        let mut client = self.client.clone();
        if operation.needs_bearer() {
            let others = [OF_A_SENDER.as_slice(), &LAST[9..]].concat();
            let session = match operation.id.as_str() {
                "change_phone_number" => &self.with_keys,
                _ if ["two-factor", "account"].contains(&operation.function) => &self.first,
                id if others.contains(&id) => &self.without_keys,
                _ => &self.with_keys,
            };
            client = client.bearer(&session.access);
        }
        let path = self.path_of(operation).await;
        if let Some(body) = body {
            return client.send(operation.method.clone(), &path, body).await;
        }
        let request = Request::builder().method(&operation.method).uri(&path);
        client.send_request(request.body(Body::empty()).unwrap()).await
    }

    /// Logs in anew where an operation ended a session.
    async fn rejoin(&mut self, operation: &str) {
        // One network gets a few codes of a number in an hour.
        let network = self.client.service.rows("SELECT FROM auth.used_verifications").await.len();
        let address = [203, 0, u8::try_from(network).expect("few"), 7];
        let client = self.client.service.client_at(IpAddr::from(address));
        match operation {
            "disable_second_factor" => {
                self.with_keys = client.log_in(PHONE_NUMBER, "tablet").await;
                let renewed = client.refresh(&self.first.refresh).await;
                self.first = Session::from_reply(&renewed.expect(200));
            }
            "remove_device" => {
                self.with_keys = client.log_in(PHONE_NUMBER, "phone").await;
                self.settle().await;
            }
            // Undone by the owner of the older device, who proves the number of before.
            "change_phone_number" => {
                // A number gets a few codes in a minute.
                self.client.service.advance(Duration::from_mins(1));
                let id = client.verified("login", PHONE_NUMBER).await;
                self.verifications.insert("login", id);
            }
            "undo_account_changes" => {
                self.first = client.log_in(PHONE_NUMBER, "phone").await;
                self.settle().await;
            }
            "delete_account" => {
                self.client.service.advance(Duration::from_mins(1));
                self.with_keys = client.sign_up(PHONE_NUMBER).await;
                self.without_keys = client.log_in(PHONE_NUMBER, "tablet").await;
            }
            _ => {}
        }
    }

    /// Of the trail of all accounts.
    /// As after a week, in which codes and tokens would expire: no device is new.
    async fn settle(&self) {
        self.client.service.sql("UPDATE auth.devices SET joined = 'proven'").await;
    }

    /// Keeps what later requests need.
    fn read(&mut self, path: &str, with_keys: bool, answer: &Value) {
        if let Some(id) = answer["verificationId"].as_str() {
            self.verifications.insert(purpose(path), id.to_owned());
        }
        if let Some(secret) = answer["secret"].as_str() {
            self.authenticator = Some(Authenticator::from_base32(secret));
        }
        if let Some(codes) = answer["backupCodes"].as_array() {
            self.backup_codes = codes.iter().map(|code| code.as_str().unwrap().into()).collect();
        }
        if let Some(access) = answer["accessToken"].as_str() {
            let text = |name: &str| answer[name].as_str().unwrap().to_owned();
            let session = Session {
                access: access.to_owned(),
                refresh: text("refreshToken"),
                user: text("userId"),
                device: text("deviceId"),
            };
            if path.contains("register") || session.device == self.first.device {
                self.first = session.clone();
            }
            *(if with_keys { &mut self.with_keys } else { &mut self.without_keys }) = session;
        }
    }
}

/// What a verification is for, by the path that it is sent to.
fn purpose(path: &str) -> &'static str {
    if path.contains("login") || path.contains("undo") {
        "login"
    } else if path.contains("phone") {
        "change-phone"
    } else {
        "register"
    }
}

/// Tries every operation, of several examples the one of this number, and at the next such operation
/// the next. Gives how many entries each left in the trail, in the order of use.
pub async fn try_all(number: usize) -> Vec<(String, i64)> {
    let entries = "SELECT count(*) FROM auth.security_events";
    let service = Service::start().await;
    let measured = try_all_of(&service, number, async || service.count(entries).await).await;
    measured.into_iter().map(|(id, before, after)| (id, after - before)).collect()
}

/// The same over this service. Gives what was measured before and after each operation.
pub async fn try_all_of<T>(
    service: &Service,
    mut number: usize,
    measure: impl AsyncFn() -> T,
) -> Vec<(String, T, T)> {
    let mut reader = Reader::new(service);
    let mut left = Vec::new();
    for operation in &in_order() {
        let Operation { id, path, spec, .. } = operation;
        if id == "resend_verification" {
            // As `resendIn` said.
            reader.client.service.advance(Duration::from_secs(30));
        }
        if id == "login_user" {
            // The account is older than its second session.
            reader.client.service.advance(Duration::from_secs(1));
        }
        let is_qr = path.contains("/qr-code/");
        reader.qr = if is_qr {
            // Their log-ins are newer than those of the examples.
            reader.client.service.advance(Duration::from_secs(1));
            qr::prepare(&reader.client, &reader.with_keys, id).await
        } else {
            qr::Given::new()
        };
        let bodies = examples(&spec["requestBody"]["content"]["application/json"]);
        let chosen = number % bodies.len().max(1);
        number += usize::from(bodies.len() > 1);
        let body = match bodies.get(chosen) {
            Some((_, example)) => Some(reader.filled(path, example).await),
            None => None,
        };
        let before = measure().await;
        let reply = reader.send(operation, body.as_ref()).await;
        left.push((id.clone(), before, measure().await));

        let mut successes = spec["responses"]
            .as_object()
            .unwrap()
            .iter()
            .filter(|(status, _)| status.starts_with('2'));
        let response = successes.find(|(status, _)| *status == reply.status.as_str());
        let (_, response) = response.unwrap_or_else(|| panic!("{id}: {}", reply.json()));
        let Some(contents) = response["content"].as_object() else {
            assert!(reply.body.is_empty(), "{id}: a body that is not described");
            reader.rejoin(id).await;
            continue;
        };
        let (kind, content) = contents.iter().next().expect("a content type");
        assert!(reply.header("content-type").unwrap().starts_with(kind), "{id}: not {kind}");
        if kind == "application/json" {
            let answers = examples(content);
            let (_, example) = answers.get(chosen).unwrap_or(&answers[0]);
            assert_alike(id, example, &reply.json());
        }
        let with_keys = body.as_ref().is_none_or(|body| {
            body.get("signalKeyBundle").is_some() || body.get("refreshToken").is_some()
        });
        if !is_qr {
            reader.read(path, with_keys, &reply.json());
        }
        reader.rejoin(id).await;
    }
    left
}

#[tokio::test]
async fn every_example_is_accepted_and_answered_as_the_document_shows() {
    for number in 0..2 {
        let _ = try_all(number).await;
    }
}

/// For a reader with a page and no key.
#[tokio::test]
async fn the_script_proves_the_keys_of_the_examples_for_a_verification() {
    let client = Service::start().await.client();
    let id = client.verified("register", PHONE_NUMBER).await;
    let script = local::paths::workspace().join("tests/scripts/signal_keys.py");
    let output = Command::new("python3").arg(script).arg(&id).output().expect("python3");
    let error = String::from_utf8_lossy(&output.stderr);
    let body = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{error}"));
    let reply = client.post("/auth/v1/register", body).await.expect(201);
    assert_eq!(reply.json()["signalDeviceId"], 1);
}
