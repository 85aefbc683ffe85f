//! QR log-in in both directions: a logged-in device shows a challenge, or a new device shows a link.
//! Each test of what both have in common runs for both.

mod account;
mod decisions;
mod keys;
mod limits;
mod login;
mod races;
mod repeats;
mod secrets;
mod voids;

use serde_json::{Value, json};
use std::time::Duration;
use tests::{Authenticator, Client, Reply, Service, Session};

const PHONE: &str = "+33612345678";
const OTHER_PHONE: &str = "+33687654321";
const DEVICE: &str = "/auth/v1/device";
const CHALLENGE: &str = "/auth/v1/qr-code/challenge";
const SCAN: &str = "/auth/v1/qr-code/scan";
const LINK: &str = "/auth/v1/qr-code/link";
const DEVICES: &str = "SELECT count(*) FROM auth.devices";
const SESSIONS: &str = "SELECT count(*) FROM auth.sessions";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Challenge,
    Link,
}

pub const KINDS: [Kind; 2] = [Kind::Challenge, Kind::Link];

/// No limits on how often one may ask.
async fn unlimited() -> Service {
    Service::with(&[("RATE_LIMITS", "off")]).await
}

fn of(service: &Service, session: &Session) -> Client {
    service.client().bearer(&session.access)
}

/// A device that waits to be let in.
#[derive(Clone, Debug)]
pub struct Waiting {
    kind: Kind,
    id: String,
    secret: String,
    code: String,
}

/// The challenge that a device shows.
async fn challenge(service: &Service, session: &Session) -> String {
    let path = format!("{CHALLENGE}/{}", session.device);
    let reply = of(service, session).post(&path, json!({})).await.expect(201);
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    String::from_utf8(reply.body).unwrap()
}

/// The id in a challenge.
fn id_of(challenge: &str) -> String {
    challenge.split('.').next().unwrap().to_owned()
}

async fn scan(client: &Client, challenge: &str, device: Value) -> Reply {
    let mut body = device;
    body["challenge"] = challenge.into();
    body["authenticatedDeviceId"] = challenge.split('.').nth(1).unwrap().into();
    client.post(SCAN, body).await
}

impl Waiting {
    /// A device that scanned a challenge of the approver, or shows a link.
    async fn new(kind: Kind, service: &Service, approver: &Session, device: Value) -> Self {
        Self::at(kind, &service.client(), approver, device).await
    }

    async fn at(kind: Kind, client: &Client, approver: &Session, device: Value) -> Self {
        match kind {
            Kind::Challenge => {
                let challenge = challenge(&client.service, approver).await;
                let reply = scan(client, &challenge, device).await.expect(202).json();
                let waiting = Self::read(kind, &reply);
                assert_eq!(waiting.id, id_of(&challenge));
                waiting
            }
            Kind::Link => Self::read(kind, &client.post(LINK, device).await.expect(201).json()),
        }
    }

    fn read(kind: Kind, answer: &Value) -> Self {
        let (id, secret) = match kind {
            Kind::Challenge => ("scanId", "scanSecret"),
            Kind::Link => ("linkId", "linkSecret"),
        };
        let text = |name: &str| answer[name].as_str().expect(name).to_owned();
        Self { kind, id: text(id), secret: text(secret), code: text("confirmCode") }
    }

    /// Where the logged-in device decides.
    fn path(&self) -> String {
        match self.kind {
            Kind::Challenge => format!("{CHALLENGE}/{}", self.id),
            Kind::Link => format!("{LINK}/{}", self.id),
        }
    }

    /// Where the new device polls.
    fn poll_path(&self) -> String {
        match self.kind {
            Kind::Challenge => format!("{SCAN}/{}", self.id),
            Kind::Link => format!("{LINK}/{}", self.id),
        }
    }

    pub async fn poll(&self, client: &Client) -> Reply {
        self.poll_with(client, json!({})).await
    }

    async fn poll_with(&self, client: &Client, more: Value) -> Reply {
        let field = if self.kind == Kind::Challenge { "scanSecret" } else { "linkSecret" };
        let mut body = more;
        if body.get(field).is_none() {
            body[field] = json!(self.secret);
        }
        client.post(&self.poll_path(), body).await
    }

    async fn show(&self, client: &Client) -> Reply {
        client.get(&self.path()).await
    }

    async fn approve(&self, client: &Client) -> Reply {
        self.approve_with(client, json!({ "confirmCode": self.code })).await
    }

    async fn approve_with(&self, client: &Client, body: Value) -> Reply {
        client.post(&format!("{}/approve", self.path()), body).await
    }

    async fn deny(&self, client: &Client) -> Reply {
        client.post(&format!("{}/deny", self.path()), json!({})).await
    }

    /// A code that is not the right one.
    fn wrong_code(&self) -> String {
        if self.code == "000000" { "000001".into() } else { "000000".into() }
    }
}

/// A device that the approver has let in, with its tokens still to be fetched.
pub async fn approved(kind: Kind, service: &Service, approver: &Session) -> Waiting {
    let waiting = Waiting::new(kind, service, approver, json!({})).await;
    let _ = waiting.approve(&of(service, approver)).await.expect(204);
    waiting
}

/// The session with a new token.
async fn refreshed(service: &Service, session: &Session) -> Session {
    Session::from_reply(&service.client().refresh(&session.refresh).await.expect(200))
}

/// Whether the very next request of a session is taken.
pub async fn is_alive(service: &Service, session: &Session) -> bool {
    let reply = service.client().ws_token(&session.access).await;
    if reply.status.is_success() {
        return true;
    }
    reply.refused(401, "session_ended");
    false
}

async fn security_events(service: &Service, event: &str) -> i64 {
    let query = format!(
        "SELECT count(*) FROM auth.security_events WHERE entry::jsonb->>'event' = '{event}'"
    );
    service.count(&query).await
}

/// The device of a session, as its account sees it.
async fn device(service: &Service, session: &Session) -> Value {
    of(service, session).get(&format!("{DEVICE}/{}", session.device)).await.expect(200).json()
}

async fn joined(service: &Service, session: &Session) -> Value {
    let query = format!("SELECT joined FROM auth.devices WHERE id = '{}'", session.device);
    service.rows(&query).await.remove(0)["joined"].take()
}

/// Enables a second factor. The code of the next step is good.
pub async fn enable_second_factor(service: &Service, session: &Session) -> Authenticator {
    let client = of(service, session);
    let set_up = client.post("/auth/v1/2fa/setup", json!({})).await.expect(201).json();
    let app = Authenticator::from_base32(set_up["secret"].as_str().unwrap());
    let body = json!({ "token": app.at(service.now()) });
    let _ = client.post("/auth/v1/2fa/enable", body).await.expect(200);
    service.advance(Duration::from_secs(30));
    app
}
