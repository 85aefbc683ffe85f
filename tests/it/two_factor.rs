//! The second factor, by file:
//!
//! | file | what it holds |
//! |---|---|
//! | [`routes`] | set-up, enabling, backup codes, disabling; what each route refuses |
//! | [`codes`] | which codes are right, and that each is good once |
//! | [`locks`] | wrong codes, and the lock that they lead to |
//! | [`enforcement`] | log-ins and fresh proofs ask for it; other sessions end |
//! | [`repeats`] | a lost connection at each exchange |
//! | [`secrecy`] | what a copy of both stores tells without the keys |

mod codes;
mod enforcement;
mod locks;
mod repeats;
mod routes;
mod secrecy;

use serde_json::{Value, json};
use std::time::Duration;
use tests::{Authenticator, Client, Reply, Service, Session};

const PHONE: &str = "+33612345678";
const STEP: Duration = Duration::from_secs(30);

async fn unlimited() -> Service {
    Service::with(&[("RATE_LIMITS", "off")]).await
}

/// Somebody with a second factor.
struct Owner {
    service: Service,
    session: Session,
    app: Authenticator,
    backup_codes: Vec<String>,
}

async fn post(client: &Client, route: &str, body: Value) -> Reply {
    client.post(&format!("/auth/v1/2fa/{route}"), body).await
}

async fn set_up(client: &Client) -> Authenticator {
    let reply = post(client, "setup", json!({})).await.expect(201).json();
    Authenticator::from_base32(reply["secret"].as_str().expect("a secret"))
}

fn codes(reply: &Reply) -> Vec<String> {
    let codes = reply.json()["backupCodes"].as_array().expect("codes").clone();
    codes.iter().map(|code| code.as_str().expect("a code").to_owned()).collect()
}

impl Owner {
    /// A new account, whose second factor was enabled with the code of the step before this one.
    async fn new(service: &Service) -> Self {
        Self::of(service, service.client().sign_up(PHONE).await).await
    }

    async fn of(service: &Service, session: Session) -> Self {
        let client = service.client().bearer(&session.access);
        let app = set_up(&client).await;
        let token = app.at(service.now());
        let backup_codes =
            codes(&post(&client, "enable", json!({ "token": token })).await.expect(200));
        service.advance(STEP);
        Self { service: service.clone(), session, app, backup_codes }
    }

    fn client(&self) -> Client {
        self.service.client().bearer(&self.session.access)
    }

    /// The code of now. In the next step there is another.
    fn code(&self) -> String {
        self.app.at(self.service.now())
    }

    async fn post(&self, route: &str, token: &str) -> Reply {
        post(&self.client(), route, json!({ "token": token })).await
    }

    async fn verifies(&self, token: &str) -> bool {
        self.post("verify", token).await.expect(200).json()["valid"] == true
    }

    /// With a new access token.
    async fn refresh(&mut self) {
        let reply = self.service.client().refresh(&self.session.refresh).await.expect(200);
        self.session = Session::from_reply(&reply);
    }

    fn wrong(&self) -> impl Iterator<Item = String> + use<> {
        self.app.wrong(self.service.now())
    }

    async fn remaining(&self) -> i64 {
        let reply = self.client().get("/auth/v1/2fa/backup-codes/remaining").await.expect(200);
        reply.json()["remaining"].as_i64().expect("a number")
    }

    async fn is_enabled(&self) -> bool {
        is_enabled(&self.client()).await
    }
}

async fn is_enabled(client: &Client) -> bool {
    client.get("/auth/v1/2fa/status").await.expect(200).json()["enabled"] == true
}

/// Logs in with a new verification.
async fn log_in(client: &Client, device: &str, token: Option<&str>) -> Reply {
    let id = client.verified("login", PHONE).await;
    log_in_by(client, &id, device, token).await
}

async fn log_in_by(client: &Client, id: &str, device: &str, token: Option<&str>) -> Reply {
    let body = json!({ "verificationId": id, "deviceId": device, "twoFactorToken": token });
    client.post("/auth/v1/login", body).await
}

async fn security_events(service: &Service, event: &str) -> i64 {
    service
        .count(&format!(
            "SELECT count(*) FROM auth.outbox WHERE topic = 'audit'
               AND (payload->>'entry')::jsonb->>'event' = '{event}'"
        ))
        .await
}
