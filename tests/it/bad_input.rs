//! Bad input on every route of the OpenAPI document: a documented 4xx problem, nothing
//! stored, nothing sent. By file:
//!
//! | file | what is bad |
//! |---|---|
//! | [`bodies`] | the body as a whole: its bytes, size, type, depth |
//! | [`fields`] | one field of an otherwise good body, however deep |
//! | [`keys`] | Signal keys: lists, numbers, keys that are none |
//! | [`routes`] | ids in the path, methods, paths, tokens |
//! | [`arbitrary`] | anything at all (property tests) |
//!
//! A new route is tested as soon as it is documented, if [`Fixture::value`] knows a good
//! value for each of its fields. Fields within objects and lists are found by themselves: the
//! good value must have them all.

mod arbitrary;
mod bodies;
mod fields;
mod keys;
mod routes;

use axum::body::Body;
use http::{Method, Request, header};
use serde_json::{Value, json};
use std::fmt::Write as _;
use tests::contract::DOCUMENT;
use tests::proof::{ISSUER, prove};
use tests::{Client, Keys, Reply, Service, Session, stores};

use crate::verify::{OTHER_PHONE, PHONE, keys as redis_keys, phone};

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Number {
        least: i64,
        most: i64,
    },
    Boolean,
    Object,
    /// With the most elements that it may have.
    List(usize),
}

/// A field of a request body, as the document has it.
pub struct Field {
    /// Where it stands, as refusals name it: `signalKeyBundle.preKeys[0].keyId`.
    pub place: String,
    pub kind: Kind,
    pub required: bool,
    /// Longest text, where any text is good.
    pub max_length: Option<usize>,
    pub is_uuid: bool,
}

impl Field {
    /// Whether it is one of the body's own, not one of a field's.
    pub fn is_top(&self) -> bool {
        !self.place.contains(['.', '['])
    }

    pub fn is_element(&self) -> bool {
        self.place.ends_with(']')
    }

    /// Whether it is a key or signature: one that is not valid is 422.
    pub fn is_key(&self) -> bool {
        let names = ["identityKey", "identityProof", "publicKey", "signature"];
        names.iter().any(|name| self.place.ends_with(name))
    }

    /// Where it stands, as a JSON pointer.
    pub fn pointer(&self) -> String {
        format!("/{}", self.place.replace(['.', '['], "/").replace(']', ""))
    }

    /// The pointer of what it stands in, and its name there.
    pub fn within(&self) -> (String, String) {
        let pointer = self.pointer();
        let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
        (parent.to_owned(), name.to_owned())
    }

    /// Its value in a body.
    pub fn of<'a>(&self, body: &'a Value) -> &'a Value {
        body.pointer(&self.pointer()).unwrap_or_else(|| panic!("no good body has {}", self.place))
    }

    /// A body with another value there.
    pub fn put(&self, mut body: Value, value: Value) -> Value {
        let place = body.pointer_mut(&self.pointer());
        *place.unwrap_or_else(|| panic!("no good body has {}", self.place)) = value;
        body
    }

    /// A body with this text there, as it would stand on the wire.
    pub fn put_raw(&self, body: Value, raw: &str) -> String {
        self.put(body, "PLACE".into()).to_string().replacen(r#""PLACE""#, raw, 1)
    }
}

/// A route with what it takes, as the document has it.
pub struct Operation {
    pub method: Method,
    /// The path's template.
    pub path: String,
    pub takes_bearer: bool,
    /// Its body's fields, and theirs, if it takes a body.
    pub fields: Option<Vec<Field>>,
}

/// The schema behind a reference, or behind one that may be null.
fn resolve(schema: &'static Value) -> &'static Value {
    let alternatives = schema["oneOf"].as_array().into_iter().flatten();
    let schema = alternatives.into_iter().find(|one| one["type"] != "null").unwrap_or(schema);
    let name = schema["$ref"].as_str().map(|path| path.trim_start_matches('#'));
    name.map_or(schema, |name| DOCUMENT.pointer(name).expect("a schema"))
}

fn kind(schema: &Value) -> Kind {
    let types = &schema["type"];
    let number = |name: &str| schema[name].as_i64().expect("the bounds of a number");
    let is = |wanted: &str| {
        types == wanted || types.as_array().is_some_and(|t| t.contains(&wanted.into()))
    };
    if is("array") {
        Kind::List(
            schema["maxItems"].as_u64().and_then(|max| max.try_into().ok()).expect("maxItems"),
        )
    } else if is("object") {
        Kind::Object
    } else if is("integer") {
        Kind::Number { least: number("minimum"), most: number("maximum") }
    } else if is("boolean") {
        Kind::Boolean
    } else {
        assert!(is("string"), "a field of a kind that is not known: {schema}");
        Kind::Text
    }
}

/// Adds an object's fields, and those within them.
fn add_fields(all: &mut Vec<Field>, within: &str, object: &'static Value) {
    let required = object["required"].as_array().map_or(&[][..], |names| names);
    for (name, schema) in object["properties"].as_object().into_iter().flatten() {
        let required = required.iter().any(|required| required == name);
        add_field(all, format!("{within}{name}"), schema, required);
    }
}

fn add_field(all: &mut Vec<Field>, place: String, schema: &'static Value, required: bool) {
    let schema = resolve(schema);
    let kind = kind(schema);
    let (within, element) = (format!("{place}."), format!("{place}[0]"));
    all.push(Field {
        place,
        kind,
        required,
        max_length: schema["maxLength"].as_u64().and_then(|max| usize::try_from(max).ok()),
        is_uuid: schema["format"] == "uuid",
    });
    match kind {
        Kind::Object => add_fields(all, &within, schema),
        Kind::List(_) => add_field(all, element, &schema["items"], true),
        Kind::Text | Kind::Boolean | Kind::Number { .. } => {}
    }
}

fn fields(operation: &'static Value) -> Option<Vec<Field>> {
    let content = operation.pointer("/requestBody/content")?;
    let schema = resolve(&content["application/json"]["schema"]);
    let mut all = Vec::new();
    schema["properties"].as_object()?;
    add_fields(&mut all, "", schema);
    Some(all)
}

/// Every route of the document.
pub fn operations() -> Vec<Operation> {
    let mut all = Vec::new();
    for (path, methods) in DOCUMENT["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            let security = operation["security"].as_array();
            all.push(Operation {
                method: method.to_uppercase().parse().expect("a method"),
                path: path.clone(),
                takes_bearer: security
                    .is_some_and(|kinds| kinds.iter().any(|kind| !kind["bearer"].is_null())),
                fields: fields(operation),
            });
        }
    }
    assert!(all.len() > 15, "the document has lost its routes");
    all
}

/// Those that take a body.
pub fn operations_with_body() -> impl Iterator<Item = (Operation, Vec<Field>)> {
    operations().into_iter().filter_map(|mut operation| {
        let fields = operation.fields.take()?;
        Some((operation, fields))
    })
}

/// The same, those last that end what the others need. Without those that need a second factor:
/// `two_factor` has them.
pub fn operations_in_good_order() -> Vec<(Operation, Vec<Field>)> {
    let needs_none = |path: &str| !path.contains("/2fa/") || path.ends_with("/setup");
    // `account` has these: a deletion, after which there is nothing, and what needs a thief.
    let is_elsewhere = |operation: &Operation| {
        operation.path.ends_with("/account/undo")
            || operation.path.ends_with("/account") && operation.method == Method::DELETE
    };
    let mut all: Vec<_> = operations_with_body()
        .filter(|(operation, _)| needs_none(&operation.path) && !is_elsewhere(operation))
        .collect();
    all.sort_by_key(|(operation, _)| {
        // With another number, or behind a lock, log-ins would not be good any more.
        let shuts_out = ["/phone-number", "/registration-lock"];
        let shuts_out = shuts_out.iter().any(|end| operation.path.ends_with(end));
        let ends = operation.path.ends_with("/logout");
        (ends, operation.method == Method::DELETE, shuts_out)
    });
    all
}

/// The largest body that a route with these fields takes.
pub fn limit(fields: &[Field]) -> usize {
    if fields.iter().any(Field::is_key) { 1024 * 1024 } else { 100 * 1024 }
}

/// A path's template with this in place of each parameter.
pub fn fill(template: &str, value: &str) -> String {
    let parts = template.split('/').map(|part| if part.starts_with('{') { value } else { part });
    parts.collect::<Vec<_>>().join("/")
}

/// A service where a good request to any route would change something.
pub struct Fixture {
    pub service: Service,
    pub session: Session,
    /// Verifications by purpose: confirmed, and running with their codes.
    confirmed: [String; 3],
    running: [(String, String); 3],
    /// One more, that a code may be sent for.
    resendable: String,
    /// The keys of the session's device; the account has another that has some too.
    pub device_keys: Keys,
    other_device: String,
    qr: QrLogins,
}

/// QR log-ins of the session's device.
struct QrLogins {
    /// A challenge that nobody has scanned.
    shown: String,
    /// What new devices were answered that wait to be let in, and that wait to be refused: after a
    /// scan, and with a link.
    scans: [Value; 2],
    links: [Value; 2],
}

impl QrLogins {
    async fn new(client: &Client, session: &Session) -> Self {
        let owner = client.clone().bearer(&session.access);
        let challenge = async || {
            let path = format!("/auth/v1/qr-code/challenge/{}", session.device);
            String::from_utf8(owner.post(&path, json!({})).await.expect(201).body).expect("a text")
        };
        let scan = async || {
            let body =
                json!({ "challenge": challenge().await, "authenticatedDeviceId": session.device });
            client.post("/auth/v1/qr-code/scan", body).await.expect(202).json()
        };
        let link =
            async || client.post("/auth/v1/qr-code/link", json!({})).await.expect(201).json();
        Self {
            shown: challenge().await,
            scans: [scan().await, scan().await],
            links: [link().await, link().await],
        }
    }

    /// What the new device was answered that an operation at this path is about.
    fn of(&self, path: &str) -> &Value {
        let all = if path.contains("link") { &self.links } else { &self.scans };
        &all[usize::from(path.ends_with("/deny"))]
    }

    /// The path, of what is there.
    fn path(&self, operation: &Operation, own_device: &str) -> String {
        let (path, given) = (&operation.path, self.of(&operation.path));
        let makes_challenge = operation.method == Method::POST && path.ends_with("/{id}");
        let id = if makes_challenge { own_device } else { given["scanId"].as_str().unwrap_or("") };
        let path = path.replace("{id}", id).replace("{scanId}", id);
        path.replace("{linkId}", given["linkId"].as_str().unwrap_or(""))
    }
}

impl Fixture {
    pub async fn new() -> Self {
        let service = Service::with(&[("RATE_LIMITS", "off")]).await;
        let client = service.client();
        let device_keys = Keys::new();
        let session = client.sign_up_with(PHONE, device_keys.bundle(1..4, 1..4)).await;
        let other = client.log_in_with(PHONE, "another", Keys::new().bundle(1..4, 1..4)).await;
        let confirmed = [
            client.verified("register", OTHER_PHONE).await,
            client.verified("login", PHONE).await,
            client.verified("change-phone", &phone(5)).await,
        ];
        let running = [
            client.start("register", &phone(1)).await,
            client.start("login", &phone(2)).await,
            client.start("change-phone", &phone(4)).await,
        ];
        let (resendable, _) = client.start("register", &phone(3)).await;
        let other_device = other.device;
        let qr = QrLogins::new(&client, &session).await;
        Self { service, session, confirmed, running, resendable, device_keys, other_device, qr }
    }

    /// A good value for a field of the body's own.
    fn value(&self, path: &str, field: &str) -> Value {
        let purpose = match path {
            path if path.contains("phone") => 2,
            path if path.contains("login") || path.contains("undo") => 1,
            _ => 0,
        };
        let (running, code) = &self.running[purpose];
        let keys = &self.device_keys;
        let value = match field {
            "challenge" if path.ends_with("/scan") => &self.qr.shown,
            "confirmCode" | "scanSecret" | "linkSecret" => return self.qr.of(path)[field].clone(),
            "identityProof" => return keys.signed_prekey(2)["signature"].clone(),
            "phoneNumber" => OTHER_PHONE,
            "previousToken" | "refreshToken" => &self.session.refresh,
            "verificationId" if path.ends_with("/confirm") => running,
            "verificationId" => &self.confirmed[purpose],
            "code" => code,
            "token" if path.ends_with("/use") => "ABCD-2345",
            "token" | "twoFactorToken" => "123456",
            "deviceId" if path.ends_with("/logout") => &self.session.device,
            "userId" => &self.session.user,
            "authenticatedDeviceId" | "replaceDeviceId" => &self.session.device,
            "recoveryCode" => "0000-0000-0000-0000-0000-0000-00",
            "startOver" => return json!(false),
            "deviceType" => "ios",
            "deviceId" | "deviceName" | "model" | "osVersion" | "appVersion" | "fcmToken"
            | "apnsToken" | "challenge" | "installationId" => "a text",
            // Of another device: an identity key belongs to one.
            "signalKeyBundle" => {
                let (id, bundle) = (&self.confirmed[purpose], Keys::new().bundle(1..4, 1..3));
                let mut body = json!({ "verificationId": id, "signalKeyBundle": bundle });
                if path.ends_with("/scan") {
                    body["challenge"] = json!(self.qr.shown);
                }
                prove(ISSUER, &mut body);
                return body["signalKeyBundle"].take();
            }
            "proofVerificationId" => &self.confirmed[1],
            "preKeys" => return keys.prekeys(11..14).into(),
            "kyberPreKeys" => return keys.kyber_prekeys(11..13).into(),
            "maxCodeLength" => return json!(10),
            "userIds" => return json!([self.session.user]),
            "devices" => return json!([{ "signalDeviceId": 1, "registrationId": 1 }]),
            "digest" => "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            "keyId" | "publicKey" | "signature" if path.contains("kyber") => {
                return keys.kyber_prekey(1_000_001)[field].clone();
            }
            "keyId" | "publicKey" | "signature" => return keys.signed_prekey(2)[field].clone(),
            other => panic!("no good value is known for {other} of {path}"),
        };
        value.into()
    }

    /// A body that would be taken.
    pub fn good_body(&self, path: &str, fields: &[Field]) -> Value {
        let own = fields.iter().filter(|field| field.is_top());
        own.map(|field| (field.place.clone(), self.value(path, &field.place))).collect()
    }

    /// The path, of what is there.
    pub fn path(&self, operation: &Operation) -> String {
        if operation.path.contains("/qr-code/") {
            return self.qr.path(operation, &self.session.device);
        }
        let path = operation.path.replace("{verificationId}", &self.resendable);
        let path = path.replace("{userId}", &self.session.user);
        // The removal of its own device would end the session.
        let removes = operation.method == Method::DELETE && path.starts_with("/auth/v1/device/");
        let device = if removes { &self.other_device } else { &self.session.device };
        let path = path.replace("{deviceId}", device);
        assert!(!path.contains('{'), "a parameter that is not known: {path}");
        path
    }

    pub fn client(&self, operation: &Operation) -> Client {
        let client = self.service.client();
        if operation.takes_bearer { client.bearer(&self.session.access) } else { client }
    }

    /// Sends these bytes as JSON.
    pub async fn send(&self, operation: &Operation, body: impl Into<Body>) -> Reply {
        self.send_as(operation, Some("application/json"), body).await
    }

    /// Sends these bytes as this content type.
    pub async fn send_as(
        &self,
        operation: &Operation,
        content_type: Option<&str>,
        body: impl Into<Body>,
    ) -> Reply {
        let mut request =
            Request::builder().method(operation.method.clone()).uri(self.path(operation));
        if let Some(content_type) = content_type {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        let request = request.body(body.into()).expect("a request");
        self.client(operation).send_request(request).await
    }

    /// All that a request could change: every row, every verification and session in
    /// Redis, every message.
    pub async fn state(&self) -> String {
        let database = stores::connect(&self.service.stores.database_url).await;
        let tables = [
            "users_auth",
            "devices",
            "sessions",
            "login_history",
            "outbox",
            "identity_keys",
            "signed_prekeys",
            "kyber_last_resort_prekeys",
            "prekey_pages",
            "used_prekeys",
            "security_events",
        ];
        let mut state = String::new();
        for table in tables {
            let query =
                format!("SELECT string_agg(t::text, ' ' ORDER BY t::text) FROM auth.{table} t");
            let rows: String = database.query_one(&query, &[]).await.expect("rows").get(0);
            state.push_str(&rows);
        }
        let mut redis = self.service.redis().await;
        let mut records = redis_keys(&self.service, "verification:*").await;
        records.sort();
        for key in records {
            let mut fields: Vec<String> =
                redis::cmd("HGETALL").arg(&key).query_async(&mut redis).await.expect("a hash");
            fields.sort();
            write!(state, "{key} {fields:?}").expect("a text grows");
        }
        let mut sessions = redis_keys(&self.service, "session:*").await;
        sessions.sort();
        for key in sessions {
            let value: String =
                redis::cmd("GET").arg(&key).query_async(&mut redis).await.expect("a value");
            state.push_str(&value);
        }
        write!(state, "{:?}", self.service.inbox().await).expect("a text grows");
        state
    }
}

/// Counts what was tried, so that a loop over nothing is noticed.
#[derive(Default)]
pub struct Tried(usize);

impl Tried {
    pub fn one(&mut self) {
        self.0 += 1;
    }

    pub fn at_least(&self, least: usize) {
        assert!(self.0 >= least, "only {} were tried", self.0);
    }
}
