//! A connection to a store is lost before a request arrives or in place of its reply, at each
//! exchange of each route. The client sees the normal answer, and the work is done once.

use super::{Owner, PHONE, STEP, codes, post, security_events};
use serde_json::{Value, json};
use tests::proxy::Lost;
use tests::stores::Stores;
use tests::{Authenticator, Proxy, Reply, Service, Session};

const PARTS: [Lost; 2] = [Lost::Request, Lost::Reply];
/// No request has so many exchanges.
const MOST: usize = 12;

/// One account, which goes through the life of a second factor. Each request loses something.
struct Life {
    proxy: Proxy,
    service: Service,
    session: Session,
    /// Which exchange of a request is lost.
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
        let variables = if of_postgres {
            vec![("DATABASE_URL", through.as_str()), ("RATE_LIMITS", "off")]
        } else {
            vec![("REDIS_URL", through.as_str()), ("RATE_LIMITS", "off")]
        };
        let service = Service::over(stores, &variables).await;
        let session = service.client().sign_up(PHONE).await;
        Self { proxy, service, session, skip: MOST, part: Lost::Request, lost: 0, rounds: 0 }
    }

    async fn request(&mut self, path: &str, body: Value) -> Reply {
        let client = self.service.client().bearer(&self.session.access);
        self.proxy.lose(self.skip, self.part);
        let reply = client.post(path, body).await;
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

    async fn post(&mut self, route: &str, token: &str) -> Reply {
        self.request(&format!("/auth/v1/2fa/{route}"), json!({ "token": token })).await
    }

    async fn round(&mut self) {
        self.rounds += 1;
        let service = self.service.clone();
        // The log-in of this round, which every proof of the number counts.
        service.advance(STEP);
        self.session = service.client().log_in(PHONE, "phone-1").await;
        service.sql("UPDATE auth.devices SET joined = 'registered'").await;
        let other = service.client().log_in(PHONE, "phone-2").await;
        let secret = self.request("/auth/v1/2fa/setup", json!({})).await.expect(201).json();
        let app = Authenticator::from_base32(secret["secret"].as_str().unwrap());
        let backup_codes = codes(&self.post("enable", &app.at(service.now())).await.expect(200));
        service.client().ws_token(&other.access).await.refused(401, "session_ended");
        let owner =
            Owner { service: service.clone(), session: self.session.clone(), app, backup_codes };

        service.advance(STEP);
        let code = owner.code();
        for token in [&code, &owner.backup_codes[0]] {
            let reply = self.post("verify", token).await.expect(200);
            assert_eq!(reply.json()["valid"], true, "{:?} {}", self.part, self.skip);
            let again = post(&owner.client(), "verify", json!({ "token": token })).await;
            assert_eq!(again.expect(200).json()["valid"], false);
        }
        assert_eq!(owner.remaining().await, 9);

        let id = service.client().verified("login", PHONE).await;
        let body = json!({ "verificationId": id, "deviceId": "phone-3",
                           "twoFactorToken": owner.backup_codes[1] });
        let reply = self.request("/auth/v1/login", body).await.expect(200);
        let third = Session::from_reply(&reply);
        assert_eq!(owner.remaining().await, 8);

        service.advance(STEP);
        let new = codes(&self.post("backup-codes", &owner.code()).await.expect(200));
        assert_eq!(owner.remaining().await, 10);
        assert!(owner.verifies(&new[0]).await && !owner.verifies(&owner.backup_codes[2]).await);

        // Wrong codes count once each: four lock nothing, five do.
        for wrong in owner.wrong().take(3) {
            let reply = self.post("verify", &wrong).await.expect(200);
            assert_eq!(reply.json()["valid"], false);
        }
        let _ = self.post("disable", &new[1]).await.expect(200);
        assert!(!owner.is_enabled().await);
        service.client().ws_token(&third.access).await.refused(401, "session_ended");
        for event in ["second_factor_enabled", "backup_codes_replaced", "second_factor_disabled"] {
            assert_eq!(security_events(&service, event).await, self.rounds, "{event}");
        }
        let live = "SELECT count(*) FROM auth.sessions WHERE revoked_at IS NULL";
        assert_eq!(service.count(live).await, 1);
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
            assert!(skip > 2 && skip < MOST, "requests have {skip} exchanges");
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

/// Each wrong code is counted once, whatever is lost.
#[tokio::test]
async fn a_repeated_attempt_is_counted_once_and_never_less() {
    for part in PARTS {
        let mut life = Life::new(false).await;
        let owner = Owner::of(&life.service.clone(), life.session.clone()).await;
        // The access check, then the attempt.
        (life.skip, life.part) = (1, part);
        for wrong in owner.wrong().take(5) {
            life.post("disable", &wrong).await.refused(401, "two_factor_invalid");
        }
        assert_eq!(life.lost, 5);
        life.post("verify", &owner.code()).await.refused(429, "two_factor_locked");
    }
}
