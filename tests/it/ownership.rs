//! Nobody reaches what belongs to another account. Each operation that takes an id is sent the ids of
//! one account, by everybody who must not use them. It is refused, and nothing of the account changes.
//!
//! The matrix is made from the OpenAPI document: a new operation with an id is tested as soon as it is
//! described. If it takes an id of a kind that is not known here, the test says what to add.

use http::Method;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tests::contract::DOCUMENT;
use tests::{Authenticator, Client, Keys, Reply, Service, Session};

use crate::examples::qr::{Given, prepare};
use crate::sources::{Operation, operations};

const PHONE: &str = "+33612345678";
const OTHER_PHONE: &str = "+33698765432";

/// Operations without a bearer: their ids are secrets, or stand beside one. Whoever has them may use
/// them, and nobody else has them.
const SECRET_IDS: [(&str, &str); 15] = [
    ("confirm_phone_change_verification", "the code decides; the id is 112 random bits"),
    ("create_qr_link", "deviceId is the client's own, and names nothing that is stored"),
    ("poll_qr_link", "the secret decides"),
    ("poll_qr_scan", "the secret decides"),
    ("scan_qr_challenge", "who has the challenge has the id; a device of the account decides"),
    ("start_phone_change_verification", "deviceId is the client's own, and names nothing"),
    (
        "undo_account_changes",
        "who has confirmed the number has the id; deviceId is the client's own",
    ),
    ("confirm_login_verification", "the code decides; the id is 112 random bits"),
    ("confirm_registration_verification", "the code decides; the id is 112 random bits"),
    ("fetch_verification", "the id is 112 random bits, and the answer tells no number"),
    ("login_user", "who has confirmed the number has the id; deviceId is the client's own"),
    ("register_user", "who has confirmed the number has the id; deviceId is the client's own"),
    ("resend_verification", "sends to the number of the verification, to nobody else"),
    ("start_login_verification", "deviceId is the client's own, and names nothing that is stored"),
    ("start_registration_verification", "deviceId is the client's own, and names nothing"),
];

/// Reads of the directory, which exists for others. Without an access token they are refused too.
const DIRECTORY: [&str; 5] = [
    "check_key_devices",
    "fetch_bundles",
    "fetch_prekey_bundle",
    "fetch_user_bundles",
    "list_key_devices",
];

/// A link belongs to nobody until it is approved: whoever sees it may let its device into the own
/// account, or deny it.
const OF_NOBODY: [&str; 3] = ["approve_qr_link", "deny_qr_link", "fetch_qr_link"];

/// Operations that the owner is not seen to succeed with here, and why. Elsewhere they are.
const NO_CONTROL: [(&str, &str); 0] = [];

/// Who must not use the ids of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stranger {
    OtherUser,
    Nobody,
    /// The account's own refresh token in the place of an access token.
    RefreshToken,
    WsToken,
    /// The secret of a log-in by QR code, before its approval.
    QrSecret,
}

const STRANGERS: [Stranger; 5] = [
    Stranger::OtherUser,
    Stranger::Nobody,
    Stranger::RefreshToken,
    Stranger::WsToken,
    Stranger::QrSecret,
];

/// The names of the ids that an operation takes, in its path and its body.
fn ids_of(operation: &Operation) -> BTreeSet<String> {
    let parameters = operation.spec["parameters"].as_array().into_iter().flatten();
    let in_path = parameters.filter(|parameter| parameter["in"] == "path");
    let mut found: BTreeSet<String> =
        in_path.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect();
    collect_ids(
        &operation.spec["requestBody"]["content"]["application/json"]["schema"],
        &mut found,
    );
    found
}

fn collect_ids(schema: &Value, found: &mut BTreeSet<String>) {
    if let Some(pointer) = schema["$ref"].as_str().and_then(|path| path.strip_prefix('#')) {
        return collect_ids(DOCUMENT.pointer(pointer).expect(pointer), found);
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        // Ids of keys and registrations are numbers that clients choose.
        let is_id = ["Id", "Ids"].iter().any(|end| name.ends_with(end));
        if is_id && !["keyId", "registrationId", "signalDeviceId"].contains(&name.as_str()) {
            found.insert(name.clone());
        }
        collect_ids(property, found);
    }
    for list in ["allOf", "anyOf", "oneOf"] {
        for inner in schema[list].as_array().into_iter().flatten() {
            collect_ids(inner, found);
        }
    }
    if schema["items"].is_object() {
        collect_ids(&schema["items"], found);
    }
}

/// The first example of a body.
fn example(operation: &Operation) -> Value {
    let content = &operation.spec["requestBody"]["content"]["application/json"];
    if let Some(example) = content.get("example") {
        return example.clone();
    }
    let first = content["examples"].as_object().and_then(|named| named.values().next());
    first.map_or_else(
        || json!({}),
        |example| {
            let pointer = example["$ref"].as_str().and_then(|path| path.strip_prefix('#'));
            let example =
                pointer.map_or(example, |pointer| DOCUMENT.pointer(pointer).expect(pointer));
            example["value"].clone()
        },
    )
}

/// An account with two devices, and with all that ids can name.
struct Account {
    session: Session,
    /// Its other, younger device.
    other: Session,
    /// A confirmed verification of its number.
    verification: String,
    app: Option<Authenticator>,
    /// Of a QR log-in that it may decide.
    qr: Given,
    /// A verification of another number, for a change of the number.
    change: String,
}

impl Account {
    async fn new(client: &Client, phone: &str, operation: &str) -> Self {
        let session = client.sign_up_with(phone, Keys::new().bundle(1..4, 1..4)).await;
        client.service.advance(Duration::from_secs(1));
        let other = client.log_in_with(phone, "other", Keys::new().bundle(1..4, 1..4)).await;
        let app = if operation == "enable_second_factor" {
            let client = client.clone().bearer(&session.access);
            let reply = client.post("/auth/v1/2fa/setup", json!({})).await.expect(201).json();
            Some(Authenticator::from_base32(reply["secret"].as_str().expect("a secret")))
        } else {
            None
        };
        let (verification, change, qr) = Default::default();
        Self { session, other, verification, app, qr, change }
    }

    /// The log-in is too old to count as a fresh proof, the access token is new.
    async fn refresh(&mut self, client: &Client, phone: &str, operation: &str) {
        let reply = client.refresh(&self.session.refresh).await.expect(200);
        self.session = Session::from_reply(&reply);
        self.verification = client.verified("login", phone).await;
        if operation.contains("qr") {
            self.qr = prepare(client, &self.session, operation).await;
        }
        if operation == "change_phone_number" {
            self.change = client
                .verified(
                    "change-phone",
                    &phone.replace("+3361", "+3362").replace("+3369", "+3364"),
                )
                .await;
        }
    }

    /// What an id is called in paths and bodies.
    fn id(&self, operation: &str, name: &str) -> Value {
        if let Some(given) = self.qr.get(name) {
            return json!(given);
        }
        match name {
            "verificationId" if operation == "change_phone_number" => json!(self.change),
            "deviceId" => json!(self.other.device),
            "userId" => json!(self.session.user),
            "userIds" => json!([self.session.user]),
            "proofVerificationId" | "verificationId" => json!(self.verification),
            _ => panic!(
                "{operation} takes `{name}`, of which the ownership matrix knows no value: add what \
                 it names of an account to `Account::id` in tests/it/ownership.rs, or the operation \
                 with the reason to `SECRET_IDS`"
            ),
        }
    }
}

/// A request of a caller who has the code of this account, with the ids of that one.
fn request(operation: &Operation, own: &Account, of: &Account, now: &Service) -> (String, Value) {
    let mut path = operation.path.clone();
    let mut body = example(operation);
    let fields = body.as_object_mut().expect("a JSON object");
    // No account here has a second factor.
    fields.remove("twoFactorToken");
    if let Some(app) = &own.app {
        fields.insert("token".to_owned(), json!(app.at(now.now())));
    }
    for (name, value) in &of.qr {
        if let Some(field) = fields.get_mut(name) {
            *field = json!(value);
        }
    }
    for name in ids_of(operation) {
        let value = of.id(&operation.id, &name);
        let place = format!("{{{name}}}");
        if path.contains(&place) {
            path = path.replace(&place, value.as_str().expect("an id"));
        } else {
            fields.insert(name, value);
        }
    }
    (path, body)
}

/// The secret that a device has while it waits for the approval of its log-in, if there are such log-ins.
async fn qr_secret(client: &Client) -> Option<String> {
    let path = "/auth/v1/qr-code/link";
    DOCUMENT["paths"].get(path)?;
    let reply = client.post(path, json!({})).await.expect(201).json();
    Some(reply["linkSecret"].as_str().expect("a secret").to_owned())
}

/// A whole copy of what both stores hold of an account.
async fn stored(service: &Service, account: &Account) -> BTreeMap<String, Vec<String>> {
    let (user, mut found) = (&account.session.user, BTreeMap::new());
    let tables = service
        .rows(
            "SELECT t.table_name AS name, c.column_name IS NOT NULL AS has_user
               FROM information_schema.tables t
               LEFT JOIN information_schema.columns c ON c.table_schema = t.table_schema
                    AND c.table_name = t.table_name AND c.column_name = 'user_id'
              WHERE t.table_schema = 'auth' AND t.table_type = 'BASE TABLE'",
        )
        .await;
    assert!(tables.len() > 10, "too few tables were found: {tables:?}");
    for table in tables {
        let name = table["name"].as_str().unwrap();
        let condition = match name {
            "users_auth" => format!("id = '{user}'"),
            _ if table["has_user"] == true => format!("user_id = '{user}'"),
            // It belongs to nobody, so nobody may change it here.
            _ => "true".to_owned(),
        };
        let rows = service.rows(&format!("SELECT * FROM auth.{name} WHERE {condition}")).await;
        let mut rows: Vec<String> = rows.iter().map(ToString::to_string).collect();
        rows.sort();
        found.insert(name.to_owned(), rows);
    }
    assert!(!found["users_auth"].is_empty() && !found["prekey_pages"].is_empty());

    let mut redis = service.redis().await;
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut redis).await.unwrap();
    let ids = [user, &account.session.device, &account.other.device, &account.verification];
    let own = keys.into_iter().filter(|key| ids.iter().any(|id| key.contains(id.as_str())));
    for key in own {
        let value: Vec<u8> = redis::cmd("DUMP").arg(&key).query_async(&mut redis).await.unwrap();
        found.insert(key, vec![format!("{value:?}")]);
    }
    let verification = |name: &String| name.starts_with("verification:");
    assert_eq!(found.keys().filter(|name| verification(name)).count(), 1, "the verification");
    found
}

async fn send(client: Client, method: &Method, (path, body): &(String, Value)) -> Reply {
    if *method == Method::GET {
        client.get(path).await
    } else {
        client.send(method.clone(), path, body).await
    }
}

/// Tries one operation as everybody, and then as the owner.
async fn check(operation: &Operation) {
    let Operation { id, method, .. } = operation;
    let is_for_others = DIRECTORY.iter().chain(&OF_NOBODY).any(|name| name == id);
    let service = Service::with(&[("RATE_LIMITS", "off")]).await;
    let client = service.client();
    let mut victim = Account::new(&client, PHONE, id).await;
    let mut thief = Account::new(&client, OTHER_PHONE, id).await;
    let secret = qr_secret(&client).await;
    service.advance(Duration::from_mins(11));
    victim.refresh(&client, PHONE, id).await;
    thief.refresh(&client, OTHER_PHONE, id).await;
    let ws = client.ws_token(&victim.session.access).await.expect(200).json();
    let ws = ws["wsToken"].as_str().expect("a token");

    let before = stored(&service, &victim).await;
    for stranger in STRANGERS {
        let bearer = match stranger {
            Stranger::OtherUser if is_for_others => continue,
            Stranger::OtherUser => Some(thief.session.access.as_str()),
            Stranger::Nobody => None,
            Stranger::RefreshToken => Some(victim.session.refresh.as_str()),
            Stranger::WsToken => Some(ws),
            Stranger::QrSecret if secret.is_none() => continue,
            Stranger::QrSecret => secret.as_deref(),
        };
        let sent = request(operation, &thief, &victim, &service);
        let client = bearer.map_or_else(|| client.clone(), |token| client.clone().bearer(token));
        let reply = send(client, method, &sent).await;
        let (status, place) =
            (reply.status.as_u16(), format!("{id} as {stranger:?}: {}", reply.json()));
        if stranger == Stranger::OtherUser {
            assert!(matches!(status, 400 | 403 | 404 | 409 | 422), "{place}");
        } else {
            assert_eq!(status, 401, "{place}");
        }
        let after = stored(&service, &victim).await;
        for name in before.keys().chain(after.keys()) {
            assert_eq!(before.get(name), after.get(name), "{name} was changed by {place}");
        }
    }

    // The same request is one that the owner may send. So it was not refused for its form.
    if NO_CONTROL.iter().all(|(name, _)| name != id) {
        let owner = client.bearer(&victim.session.access);
        let reply = send(owner, method, &request(operation, &victim, &victim, &service)).await;
        assert!(
            reply.status.is_success(),
            "{id} as its owner: {}. Prepare what it needs in `Account`, or add it with the reason to \
             `NO_CONTROL` in tests/it/ownership.rs",
            reply.json()
        );
    }
}

#[tokio::test]
async fn no_operation_with_an_id_serves_a_stranger() {
    let operations = operations();
    let with_ids: Vec<&Operation> =
        operations.iter().filter(|one| !ids_of(one).is_empty()).collect();
    let listed = DIRECTORY.iter().chain(&OF_NOBODY).chain(SECRET_IDS.iter().map(|(id, _)| id));
    for id in listed.chain(NO_CONTROL.iter().map(|(id, _)| id)) {
        assert!(with_ids.iter().any(|one| one.id == *id), "{id} takes no id any more");
    }
    let mut checked = 0;
    for operation in with_ids {
        let id = &operation.id;
        if SECRET_IDS.iter().any(|(name, _)| name == id) {
            assert!(!operation.needs_bearer(), "{id} has a bearer, which must decide");
            continue;
        }
        assert!(
            operation.needs_bearer(),
            "{id} takes an id and no bearer: add it with the reason to `SECRET_IDS` in \
             tests/it/ownership.rs"
        );
        check(operation).await;
        checked += 1;
    }
    assert!(checked >= 14, "too few operations were found: {checked}");
}

/// What the matrix relies on: ids are found wherever they stand.
#[test]
fn ids_are_found_in_paths_and_bodies() {
    let operations = operations();
    let ids = |id: &str| {
        let operation = operations.iter().find(|one| one.id == id).expect(id);
        ids_of(operation).into_iter().collect::<Vec<_>>()
    };
    assert_eq!(ids("remove_device"), ["deviceId", "proofVerificationId"]);
    assert_eq!(ids("fetch_bundles"), ["userIds"]);
    assert_eq!(ids("fetch_key_status"), ["deviceId", "userId"]);
    assert_eq!(ids("check_key_devices"), ["userId"]);
    assert_eq!(ids("upload_signed_prekey"), Vec::<String>::new());
}
