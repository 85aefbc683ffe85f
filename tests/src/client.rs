//! An app on a phone, as far as the server sees it.

use http::{HeaderName, HeaderValue, Method, header};
use serde_json::{Value, json};
use std::net::IpAddr;

use crate::proof::prove;
use crate::reply::Reply;
use crate::service::{HOME, Service, json_request};
use crate::token::claims;

/// A place that requests come from.
#[derive(Clone)]
pub struct Client {
    pub service: Service,
    pub address: IpAddr,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// What log-in gave.
#[derive(Clone, Debug, Default)]
pub struct Session {
    pub access: String,
    pub refresh: String,
    pub user: String,
    pub device: String,
}

impl Session {
    /// Reads the answer of register, login or refresh.
    #[must_use]
    pub fn from_reply(reply: &Reply) -> Self {
        let json = reply.json();
        let text = |name: &str| json[name].as_str().unwrap_or_default().to_owned();
        Self {
            access: text("accessToken"),
            refresh: text("refreshToken"),
            user: text("userId"),
            device: text("deviceId"),
        }
    }

    /// Its id, which only its tokens tell.
    ///
    /// # Panics
    /// If the access token names none.
    #[must_use]
    pub fn id(&self) -> String {
        claims(&self.access)["sid"].as_str().expect("a session").to_owned()
    }
}

impl Service {
    /// A client at the usual address.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client_at(HOME)
    }

    /// A client somewhere else.
    #[must_use]
    pub fn client_at(&self, address: IpAddr) -> Client {
        Client::new(self.clone(), address)
    }
}

impl Client {
    pub(crate) fn new(service: Service, address: IpAddr) -> Self {
        Self { service, address, headers: Vec::new() }
    }

    /// The same client, sending one more header.
    ///
    /// # Panics
    /// If it is no header.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_str(value).expect("a header's value");
        self.headers.push((HeaderName::from_static(name), value));
        self
    }

    /// The same client with an access token.
    #[must_use]
    pub fn bearer(self, access: &str) -> Self {
        self.with_header("authorization", &format!("Bearer {access}"))
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.send(Method::POST, path, &body).await
    }

    pub async fn get(&self, path: &str) -> Reply {
        let mut request = json_request(Method::GET, path, &Value::Null);
        request.headers_mut().remove(header::CONTENT_TYPE);
        *request.body_mut() = axum::body::Body::empty();
        self.send_request(request).await
    }

    /// Sends a body. The keys of a register or log-in are proven.
    pub async fn send(&self, method: Method, path: &str, body: &Value) -> Reply {
        let mut body = body.clone();
        prove(self.service.state.login.issuer.issuer(), &mut body);
        self.send_request(json_request(method, path, &body)).await
    }

    /// Sends a prepared request from here.
    pub async fn send_request(&self, mut request: http::Request<axum::body::Body>) -> Reply {
        request.headers_mut().extend(self.headers.iter().cloned());
        self.service.send(request, self.address).await
    }

    /// Starts a verification; `purpose` is `register` or `login`. Gives its id and the
    /// code that was sent.
    ///
    /// # Panics
    /// If it is refused or nothing was sent.
    pub async fn start(&self, purpose: &str, phone: &str) -> (String, String) {
        let path = format!("/auth/v1/verify/{purpose}/request");
        let reply = self.post(&path, json!({ "phoneNumber": phone })).await.expect(200);
        let id = reply.json()["verificationId"].as_str().expect("an id").to_owned();
        (id, self.last_code(phone).await)
    }

    /// The newest code that was sent to a number.
    ///
    /// # Panics
    /// If there is none.
    pub async fn last_code(&self, phone: &str) -> String {
        let inbox = self.service.inbox().await;
        let message = inbox.iter().find(|message| message["to"] == phone).expect("a message");
        message["code"].as_str().expect("a code").to_owned()
    }

    pub async fn confirm(&self, purpose: &str, id: &str, code: &str) -> Reply {
        let path = format!("/auth/v1/verify/{purpose}/confirm");
        self.post(&path, json!({ "verificationId": id, "code": code })).await
    }

    /// A confirmed verification.
    pub async fn verified(&self, purpose: &str, phone: &str) -> String {
        let (id, code) = self.start(purpose, phone).await;
        let _ = self.confirm(purpose, &id, &code).await.expect(200);
        id
    }

    /// A new account with its first session.
    pub async fn sign_up(&self, phone: &str) -> Session {
        let id = self.verified("register", phone).await;
        let reply = self.post("/auth/v1/register", json!({ "verificationId": id })).await;
        Session::from_reply(&reply.expect(201))
    }

    /// A new account whose first device has these keys.
    pub async fn sign_up_with(&self, phone: &str, bundle: Value) -> Session {
        let id = self.verified("register", phone).await;
        let body = json!({ "verificationId": id, "signalKeyBundle": bundle });
        Session::from_reply(&self.post("/auth/v1/register", body).await.expect(201))
    }

    /// One more session of an account, on a device with these keys.
    pub async fn log_in_with(&self, phone: &str, device: &str, bundle: Value) -> Session {
        let id = self.verified("login", phone).await;
        let body = json!({ "verificationId": id, "deviceId": device, "signalKeyBundle": bundle });
        Session::from_reply(&self.post("/auth/v1/login", body).await.expect(200))
    }

    /// One more session of an account, on the device of this fingerprint.
    pub async fn log_in(&self, phone: &str, device: &str) -> Session {
        let id = self.verified("login", phone).await;
        let body = json!({ "verificationId": id, "deviceId": device });
        Session::from_reply(&self.post("/auth/v1/login", body).await.expect(200))
    }

    pub async fn refresh(&self, token: &str) -> Reply {
        self.post("/auth/v1/tokens/refresh", json!({ "refreshToken": token })).await
    }

    /// Whether the access token is taken: asks a bearer route that changes nothing.
    pub async fn ws_token(&self, access: &str) -> Reply {
        self.clone().bearer(access).post("/auth/v1/tokens/ws-token", json!({})).await
    }
}
