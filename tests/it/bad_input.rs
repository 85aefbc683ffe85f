//! Bad input on every route of the OpenAPI document: a documented 4xx problem, nothing
//! stored, nothing sent. By file:
//!
//! | file | what is bad |
//! |---|---|
//! | [`bodies`] | the body as a whole: its bytes, size, type, depth |
//! | [`fields`] | one field of an otherwise good body |
//! | [`routes`] | ids in the path, methods, paths, tokens |
//! | [`arbitrary`] | anything at all (property tests) |
//!
//! A new route is tested as soon as it is documented, if [`Fixture::value`] knows a good
//! value for each of its fields.

mod arbitrary;
mod bodies;
mod fields;
mod routes;

use axum::body::Body;
use http::{Method, Request, header};
use serde_json::{Map, Value};
use std::fmt::Write as _;
use tests::contract::DOCUMENT;
use tests::{Client, Reply, Service, Session, stores};

use crate::verify::{OTHER_PHONE, PHONE, keys, phone};

/// A field of a request body, as the document has it.
pub struct Field {
    pub name: String,
    pub required: bool,
    /// Longest text, where any text is good.
    pub max_length: Option<usize>,
    pub is_uuid: bool,
}

/// A route with what it takes, as the document has it.
pub struct Operation {
    pub method: Method,
    /// The path's template.
    pub path: String,
    pub takes_bearer: bool,
    /// Its body's fields, if it takes a body.
    pub fields: Option<Vec<Field>>,
}

fn resolve(schema: &'static Value) -> &'static Value {
    let name = schema["$ref"].as_str().map(|path| path.trim_start_matches('#'));
    name.map_or(schema, |name| DOCUMENT.pointer(name).expect("a schema"))
}

fn fields(operation: &'static Value) -> Option<Vec<Field>> {
    let content = operation.pointer("/requestBody/content")?;
    let schema = resolve(&content["application/json"]["schema"]);
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let fields = schema["properties"].as_object()?.iter().map(|(name, field)| Field {
        name: name.clone(),
        required: required.iter().any(|required| required == name),
        max_length: field["maxLength"].as_u64().and_then(|max| usize::try_from(max).ok()),
        is_uuid: field["format"] == "uuid",
    });
    Some(fields.collect())
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

/// A service where a good request to any route would change something.
pub struct Fixture {
    pub service: Service,
    pub session: Session,
    /// Verifications by purpose: confirmed, and running with their codes.
    confirmed: [String; 2],
    running: [(String, String); 2],
    /// One more, that a code may be sent for.
    resendable: String,
}

impl Fixture {
    pub async fn new() -> Self {
        let service = Service::with(&[("RATE_LIMITS", "off")]).await;
        let client = service.client();
        let session = client.sign_up(PHONE).await;
        let confirmed =
            [client.verified("register", OTHER_PHONE).await, client.verified("login", PHONE).await];
        let running =
            [client.start("register", &phone(1)).await, client.start("login", &phone(2)).await];
        let (resendable, _) = client.start("register", &phone(3)).await;
        Self { service, session, confirmed, running, resendable }
    }

    /// A good value for a field.
    fn value(&self, path: &str, field: &str) -> Value {
        let purpose = usize::from(path.contains("login"));
        let (running, code) = &self.running[purpose];
        let value = match field {
            "phoneNumber" => OTHER_PHONE,
            "previousToken" | "refreshToken" => &self.session.refresh,
            "verificationId" if path.ends_with("/confirm") => running,
            "verificationId" => &self.confirmed[purpose],
            "code" => code,
            "deviceId" if path.ends_with("/logout") => &self.session.device,
            "deviceType" => "ios",
            "deviceId" | "deviceName" | "model" | "osVersion" | "appVersion" | "fcmToken"
            | "apnsToken" | "challenge" => "a text",
            other => panic!("no good value is known for {other} of {path}"),
        };
        value.into()
    }

    /// A body that would be taken.
    pub fn good_body(&self, path: &str, fields: &[Field]) -> Map<String, Value> {
        fields.iter().map(|field| (field.name.clone(), self.value(path, &field.name))).collect()
    }

    /// The path, of a verification that goes on.
    pub fn path(&self, operation: &Operation) -> String {
        let path = operation.path.replace("{verificationId}", &self.resendable);
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
        let tables = ["users_auth", "devices", "sessions", "login_history", "outbox"];
        let mut state = String::new();
        for table in tables {
            let query =
                format!("SELECT string_agg(t::text, ' ' ORDER BY t::text) FROM auth.{table} t");
            let rows: String = database.query_one(&query, &[]).await.expect("rows").get(0);
            state.push_str(&rows);
        }
        let mut redis = self.service.redis().await;
        let mut records = keys(&self.service, "verification:*").await;
        records.sort();
        for key in records {
            let mut fields: Vec<String> =
                redis::cmd("HGETALL").arg(&key).query_async(&mut redis).await.expect("a hash");
            fields.sort();
            write!(state, "{key} {fields:?}").expect("a text grows");
        }
        let mut sessions = keys(&self.service, "session:*").await;
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
