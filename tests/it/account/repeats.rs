//! A connection to a store is lost before a request arrives or in place of its reply, at each exchange of
//! each route. The client sees the normal answer, and the work is done once.

use super::{DAY, security_events, told};
use http::Method;
use serde_json::{Value, json};
use tests::proxy::Lost;
use tests::stores::Stores;
use tests::{Proxy, Reply, Service, Session};

const PARTS: [Lost; 2] = [Lost::Request, Lost::Reply];
/// No request has so many exchanges.
const MOST: usize = 40;

/// Accounts that go through everything, each with numbers of its own. Each request loses something.
struct Life {
    proxy: Proxy,
    service: Service,
    skip: usize,
    part: Lost,
    /// Requests that lost something.
    lost: usize,
    rounds: i64,
}

impl Life {
    async fn new(of_postgres: bool) -> Self {
        let stores = Stores::fresh().await;
        let url = if of_postgres { &stores.database_url } else { &stores.redis_url };
        let (proxy, through) = Proxy::before(url).await;
        let name = if of_postgres { "DATABASE_URL" } else { "REDIS_URL" };
        let variables = [(name, through.as_str()), ("RATE_LIMITS", "off")];
        let service = Service::over(stores, &variables).await;
        Self { proxy, service, skip: MOST, part: Lost::Request, lost: 0, rounds: 0 }
    }

    async fn request(
        &mut self,
        session: Option<&Session>,
        method: Method,
        path: &str,
        body: Value,
    ) -> Reply {
        let mut client = self.service.client();
        if let Some(session) = session {
            client = client.bearer(&session.access);
        }
        self.proxy.lose(self.skip, self.part);
        let reply = client.send(method, path, &body).await;
        if !self.proxy.has_loss_pending() {
            self.lost += 1;
        }
        self.proxy.lose(1_000_000, Lost::Request);
        assert!(
            reply.status.as_u16() < 500,
            "{path} {:?} {}: {}",
            self.part,
            self.skip,
            reply.json()
        );
        reply
    }

    async fn round(&mut self) {
        self.rounds += 1;
        let (service, rounds) = (self.service.clone(), self.rounds);
        let [phone, new_phone] = [1, 2].map(|n| format!("+3361{n}{rounds:06}"));
        let owner = service.client().sign_up(&phone).await;
        service.advance(DAY * 8);
        let thief = service.client().log_in(&phone, "thief").await;
        let lock = "/auth/v1/account/registration-lock";
        let reply = self.request(Some(&thief), Method::PUT, lock, json!({})).await.expect(200);
        let code = reply.json()["recoveryCode"].clone();
        assert_eq!(security_events(&service, "registration_lock_set").await, rounds);

        // The code that was answered is the one that counts, and the wrong one is told once.
        let id = service.client().verified("login", &phone).await;
        let body = json!({ "verificationId": id, "deviceId": "c" });
        let reply = self.request(None, Method::POST, "/auth/v1/login", body).await;
        reply.refused(403, "registration_locked");
        assert_eq!(security_events(&service, "log_in_stopped").await, rounds);
        let body = json!({ "verificationId": id, "deviceId": "c", "recoveryCode": code });
        let _ = self.request(None, Method::POST, "/auth/v1/login", body).await.expect(200);

        let id = service.client().verified("change-phone", &new_phone).await;
        let body = json!({ "verificationId": id });
        let path = "/auth/v1/account/phone-number";
        let _ = self.request(Some(&thief), Method::PUT, path, body).await.expect(200);
        assert_eq!(told(&service, "user.phone_changed").await, 2 * rounds - 1);

        let id = service.client().verified("login", &phone).await;
        let body = json!({ "verificationId": id, "previousToken": owner.refresh });
        let path = "/auth/v1/account/undo";
        let _ = self.request(None, Method::POST, path, body).await.expect(204);
        assert_eq!(security_events(&service, "change_undone").await, rounds);
        service.client().ws_token(&thief.access).await.refused(401, "session_ended");

        service.advance(DAY * 90);
        let id = service.client().verified("login", &phone).await;
        let body = json!({ "verificationId": id, "deviceId": "d", "startOver": true });
        let reply = self.request(None, Method::POST, "/auth/v1/login", body).await.expect(200);
        let fresh = Session::from_reply(&reply);
        assert_ne!(fresh.user, owner.user);
        assert_eq!(told(&service, "user.phone_released").await, rounds);

        let path = "/auth/v1/account";
        let _ = self.request(Some(&fresh), Method::DELETE, path, json!({})).await.expect(204);
        service.client().ws_token(&fresh.access).await.refused(401, "session_ended");
        assert_eq!(told(&service, "user.deleted").await, rounds);
        assert_eq!(service.count("SELECT count(*) FROM auth.users_auth").await, rounds);
        assert_eq!(security_events(&service, "account_deleted").await, rounds);
    }
}

async fn lose_each_exchange(of_postgres: bool) {
    let mut life = Life::new(of_postgres).await;
    // Scripts are known and statements prepared afterwards.
    life.round().await;
    assert_eq!(life.lost, 0);
    for skip in 0.. {
        let before = life.lost;
        for part in PARTS {
            (life.skip, life.part) = (skip, part);
            life.round().await;
        }
        if life.lost == before {
            assert!(skip > 1 && skip < MOST, "requests have {skip} exchanges");
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_to_postgres_repeats_each_request_once() {
    lose_each_exchange(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_to_redis_repeats_each_request_once() {
    lose_each_exchange(false).await;
}
