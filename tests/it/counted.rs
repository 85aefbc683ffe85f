//! Every operation of the document is counted exactly once, in its own limit, whether it
//! succeeds or fails: a public one by the address, one of a caller by the account, a refresh
//! by its session, and a request without a good token by the address.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::Method;
use serde_json::{Value, json};
use shared::limits::Limit;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tests::{Authenticator, Client, Keys, Reply, Service, Session};

use crate::examples::qr::prepare;
use crate::sources::{Operation, operations};

const ALICE: &str = "+33612345678";
const BOB: &str = "+33698765432";

/// The limits of which a request is counted by exactly one.
const OWN: [Limit; 5] = [
    Limit::PublicPerAddress,
    Limit::SendPerAddress,
    Limit::QrLinkPerAddress,
    Limit::BearerPerAccount,
    Limit::RefreshPerSession,
];

/// What takes a code of the second factor.
const WITH_CODE: [&str; 6] = [
    "enable_second_factor",
    "verify_second_factor",
    "disable_second_factor",
    "create_backup_codes",
    "regenerate_backup_codes",
    "use_backup_code",
];

/// Health checks are counted by nothing.
const UNCOUNTED: [&str; 3] = ["check_health", "check_liveness", "check_readiness"];

/// How often each limit has counted since the last [`forget`], by the key's name.
async fn counts(service: &Service) -> BTreeMap<String, i64> {
    let mut redis = service.redis().await;
    let keys: Vec<String> =
        redis::cmd("KEYS").arg("rate_limit:*").query_async(&mut redis).await.unwrap();
    let mut counts = BTreeMap::new();
    for limit in OWN {
        let rule = service.state.core.config.limits.rule(limit);
        let interval = i64::try_from(rule.period.as_millis()).unwrap() / i64::from(rule.burst);
        for key in
            keys.iter().filter(|key| key.starts_with(&format!("rate_limit:{}:", limit.name())))
        {
            let full: i64 = redis::cmd("GET").arg(key).query_async(&mut redis).await.unwrap();
            counts.insert(key.clone(), (full - service.now().millis()) / interval);
        }
    }
    counts
}

async fn forget(service: &Service) {
    let mut redis = service.redis().await;
    let keys: Vec<String> =
        redis::cmd("KEYS").arg("rate_limit:*").query_async(&mut redis).await.unwrap();
    for key in keys {
        let () = redis::cmd("DEL").arg(key).query_async(&mut redis).await.unwrap();
    }
}

/// Sends a request and checks that it was counted once, by this limit and id.
async fn counted_by(
    service: &Service,
    limit: Limit,
    id: &str,
    request: Sent<'_>,
    what: &str,
) -> Reply {
    forget(service).await;
    let reply = request.await;
    let expected = BTreeMap::from([(format!("rate_limit:{}:{{{id}}}", limit.name()), 1)]);
    assert_eq!(counts(service).await, expected, "{what}: {} {}", reply.status, reply.code());
    reply
}

type Sent<'f> = std::pin::Pin<Box<dyn Future<Output = Reply> + Send + 'f>>;

fn public_limit(operation: &Operation) -> Limit {
    match operation.id.as_str() {
        "resend_verification" => Limit::SendPerAddress,
        start if start.starts_with("start_") => Limit::SendPerAddress,
        "create_qr_link" => Limit::QrLinkPerAddress,
        _ => Limit::PublicPerAddress,
    }
}

/// Requests that fail, each in its own way.
fn failures(operation: &Operation) -> Vec<(Method, String, Value)> {
    let method = || operation.method.clone();
    if operation.id == "delete_account" {
        // Without a body it succeeds, and nothing could be counted after it.
        return vec![(method(), operation.example_path(), json!({ "twoFactorToken": 7 }))];
    }
    let mut failing = vec![
        (method(), operation.example_path(), json!({})),
        (method(), operation.example_path(), json!([])),
        (method(), operation.example_path(), json!({ "phoneNumber": 7, "code": [] })),
    ];
    if operation.path.contains('{') {
        let malformed = operation.path.replace(['{', '}'], "");
        failing.push((method(), malformed, json!({})));
    }
    failing
}

#[tokio::test]
async fn every_failure_is_counted_once_by_the_limit_of_its_operation() {
    let service = Service::start().await;
    let session = service.client().sign_up_with(ALICE, Keys::new().bundle(1..3, 1..3)).await;
    let address = "198.51.100.7";
    let stranger = service.client_at(address.parse().unwrap());
    let caller = stranger.clone().bearer(&session.access);
    let sid = session.id();
    for operation in operations() {
        if UNCOUNTED.contains(&operation.id.as_str()) {
            continue;
        }
        for (method, path, body) in failures(&operation) {
            let what = format!("{} {path} {body}", operation.id);
            let send = |client: &Client| -> Sent<'static> {
                let (client, method, path, body) =
                    (client.clone(), method.clone(), path.clone(), body.clone());
                Box::pin(async move { client.send(method, &path, &body).await })
            };
            if !operation.needs_bearer() {
                let limit = public_limit(&operation);
                counted_by(&service, limit, address, send(&stranger), &what).await;
                continue;
            }
            let (account, by_address) = (Limit::BearerPerAccount, Limit::PublicPerAddress);
            // A log-out without a body succeeds.
            service.sql("UPDATE auth.sessions SET revoked_at = NULL, revoked_for = NULL").await;
            let mut redis = service.redis().await;
            let () = redis::cmd("SET")
                .arg(format!("session:{{{}}}:{sid}", session.user))
                .arg("alive")
                .query_async(&mut redis)
                .await
                .unwrap();
            counted_by(&service, account, &session.user, send(&caller), &what).await;
            // No token, one that is none, one of another kind.
            counted_by(&service, by_address, address, send(&stranger), &what).await;
            for bad in ["nonsense", &session.refresh] {
                let reply = send(&stranger.clone().bearer(bad));
                let reply = counted_by(&service, by_address, address, reply, &what).await;
                reply.refused(401, "token_invalid");
            }
        }
    }

    // Expired tokens, at last: the clock does not go back.
    service.advance(Duration::from_mins(16));
    for operation in operations().into_iter().filter(Operation::needs_bearer) {
        let (caller, path) = (caller.clone(), operation.example_path());
        let method = operation.method.clone();
        let reply: Sent<'_> = Box::pin(async move { caller.send(method, &path, &json!({})).await });
        let limit = Limit::PublicPerAddress;
        let reply = counted_by(&service, limit, address, reply, &operation.id).await;
        reply.refused(401, "token_expired");
    }
}

/// What a successful call of each operation needs, made anew for each.
struct Success {
    service: Service,
    alice: Session,
    keys: Keys,
    bob: Session,
}

impl Success {
    /// The authenticator app of Alice, not enabled yet.
    async fn set_up(&self) -> Authenticator {
        let client = self.service.client().bearer(&self.alice.access);
        let reply = client.post("/auth/v1/2fa/setup", json!({})).await.expect(201);
        Authenticator::from_base32(reply.json()["secret"].as_str().unwrap())
    }

    /// The same of a QR log-in.
    async fn qr_request(&self, operation: &Operation) -> (String, Value, Option<String>) {
        let given = prepare(&self.service.client(), &self.alice, &operation.id).await;
        let fill = |path: String, (name, value): (&String, &String)| {
            path.replace(&format!("{{{name}}}"), value)
        };
        let path = given.iter().fold(operation.path.clone(), fill);
        let token = operation.needs_bearer().then(|| self.alice.access.clone());
        (path, json!(given), token)
    }

    /// The same for a change of an account.
    async fn change_of_account(&self, operation: &Operation) -> (String, Value, Option<String>) {
        let (client, none) = (self.service.client(), || json!({}));
        match operation.id.as_str() {
            "change_phone_number" => {
                let session = client.log_in(BOB, "to change the number").await;
                self.service.sql("UPDATE auth.devices SET joined = 'registered'").await;
                // The number changes, and back.
                let id = client.verified("change-phone", "+33655555556").await;
                (operation.path.clone(), json!({ "verificationId": id }), Some(session.access))
            }
            "set_registration_lock" | "remove_registration_lock" | "delete_account" => {
                let session = client.sign_up("+33655555557").await;
                (operation.path.clone(), none(), Some(session.access))
            }
            "undo_account_changes" => {
                let owner = client.sign_up("+33655555558").await;
                self.service.advance(Duration::from_hours(8 * 24));
                let thief = client.log_in("+33655555558", "thief").await;
                let thief = client.clone().bearer(&thief.access);
                let lock = "/auth/v1/account/registration-lock";
                let _ = thief.send(http::Method::PUT, lock, &none()).await.expect(200);
                let id = client.verified("login", "+33655555558").await;
                let body = json!({ "verificationId": id, "previousToken": owner.refresh });
                (operation.path.clone(), body, None)
            }
            other => panic!("{other} is no change of an account"),
        }
    }

    /// The same with a code of the second factor.
    async fn second_factor(&self, operation: &Operation) -> (String, Value, Option<String>) {
        let (client, alice) = (self.service.client(), &self.alice);
        let app = self.set_up().await;
        let mut body = json!({ "token": app.at(self.service.now()) });
        if operation.id != "enable_second_factor" {
            let bearer = client.clone().bearer(&alice.access);
            let enabled = bearer.post("/auth/v1/2fa/enable", body).await.expect(200).json();
            let next = app.of_step(self.service.now().seconds() / 30 + 1);
            let is_backup_code = operation.id == "use_backup_code";
            let token =
                if is_backup_code { enabled["backupCodes"][0].clone() } else { next.into() };
            body = json!({ "token": token });
        }
        (operation.path.clone(), body, Some(alice.access.clone()))
    }

    /// A request that succeeds: path, body, and the token it shows.
    async fn request(&self, operation: &Operation) -> (String, Value, Option<String>) {
        let client = self.service.client();
        let (alice, keys) = (&self.alice, &self.keys);
        let none = || json!({});
        if operation.function == "account" && operation.method != http::Method::GET {
            return self.change_of_account(operation).await;
        }
        if WITH_CODE.contains(&operation.id.as_str()) {
            return self.second_factor(operation).await;
        }
        let (path, body, token) = match operation.id.as_str() {
            "start_registration_verification"
            | "start_login_verification"
            | "start_phone_change_verification" => {
                (operation.path.clone(), json!({ "phoneNumber": "+33611111111" }), None)
            }
            "resend_verification" | "fetch_verification" => {
                let (id, _) = client.start("register", "+33622222222").await;
                self.service.advance(Duration::from_mins(1));
                (operation.path.replace("{verificationId}", &id), none(), None)
            }
            "confirm_registration_verification"
            | "confirm_login_verification"
            | "confirm_phone_change_verification" => {
                let purpose = match operation.id.as_str() {
                    "confirm_login_verification" => "login",
                    "confirm_phone_change_verification" => "change-phone",
                    _ => "register",
                };
                let (id, code) = client.start(purpose, "+33633333333").await;
                let body = json!({ "verificationId": id, "code": code });
                (operation.path.clone(), body, None)
            }
            "register_user" | "login_user" => {
                let registers = operation.id == "register_user";
                let (purpose, phone) =
                    if registers { ("register", "+33644444444") } else { ("login", BOB) };
                let id = client.verified(purpose, phone).await;
                (operation.path.clone(), json!({ "verificationId": id }), None)
            }
            "refresh_tokens" => {
                let session = client.log_in(BOB, "to refresh").await;
                (operation.path.clone(), json!({ "refreshToken": session.refresh }), None)
            }
            "logout_session" | "logout_all_sessions" => {
                let session = client.log_in(BOB, "to log out").await;
                (operation.path.clone(), none(), Some(session.access))
            }
            "upload_signed_prekey" => {
                (operation.path.clone(), keys.signed_prekey(7), Some(alice.access.clone()))
            }
            "upload_prekeys" => {
                let body = json!({ "preKeys": keys.prekeys(50..60) });
                (operation.path.clone(), body, Some(alice.access.clone()))
            }
            "upload_kyber_prekeys" => {
                let body = json!({ "kyberPreKeys": keys.kyber_prekeys(50..52) });
                (operation.path.clone(), body, Some(alice.access.clone()))
            }
            "upload_kyber_last_resort" => {
                (operation.path.clone(), keys.kyber_prekey(9000), Some(alice.access.clone()))
            }
            "fetch_bundles" => {
                let body = json!({ "userIds": [self.bob.user] });
                (operation.path.clone(), body, Some(alice.access.clone()))
            }
            "check_key_devices" => {
                let body = json!({ "userId": self.bob.user, "devices": [] });
                (operation.path.clone(), body, Some(alice.access.clone()))
            }
            "check_keys" => {
                let body = json!({ "digest": BASE64.encode([7; 32]) });
                (operation.path.clone(), body, Some(alice.access.clone()))
            }
            "fetch_key_status" => {
                let path = operation.path.replace("{userId}", &alice.user);
                let path = path.replace("{deviceId}", &alice.device);
                (path, none(), Some(alice.access.clone()))
            }
            "delete_device_keys" | "fetch_device" | "update_device" | "remove_device" => {
                let path = operation.path.replace("{deviceId}", &alice.device);
                (path, none(), Some(alice.access.clone()))
            }
            _ => {
                let path = operation.path.replace("{userId}", &self.bob.user);
                let path = path.replace("{deviceId}", &self.bob.device);
                let token = operation.needs_bearer().then(|| alice.access.clone());
                (path, none(), token)
            }
        };
        (path, body, token)
    }
}

#[tokio::test]
async fn every_success_is_counted_once_by_the_limit_of_its_operation() {
    let mut succeeded = BTreeSet::new();
    for operation in operations() {
        if UNCOUNTED.contains(&operation.id.as_str()) {
            continue;
        }
        if operation.id == "delete_account" {
            // What counted it goes with the account (`account::deletion`).
            succeeded.insert(operation.id);
            continue;
        }
        let service = Service::start().await;
        let (client, keys) = (service.client(), Keys::new());
        let alice = client.sign_up_with(ALICE, keys.bundle(1..3, 1..3)).await;
        let bob = client.sign_up_with(BOB, Keys::new().bundle(1..3, 1..3)).await;
        // The sign-ups' own waits for a next code are over.
        service.advance(Duration::from_mins(2));
        let success = Success { service: service.clone(), alice, keys, bob };
        let (path, body, token) = if operation.path.contains("/qr-code/") {
            success.qr_request(&operation).await
        } else {
            success.request(&operation).await
        };
        let address = "198.51.100.7";
        let stranger = service.client_at(address.parse().unwrap());
        let client = token.as_ref().map_or(stranger.clone(), |token| stranger.bearer(token));
        let (limit, id) = match &token {
            None if operation.id == "refresh_tokens" => {
                let claims = tests::token::claims(body["refreshToken"].as_str().unwrap());
                (Limit::RefreshPerSession, claims["sid"].as_str().unwrap().to_owned())
            }
            None => (public_limit(&operation), address.to_owned()),
            Some(token) => {
                let claims = tests::token::claims(token);
                (Limit::BearerPerAccount, claims["sub"].as_str().unwrap().to_owned())
            }
        };
        let method = operation.method.clone();
        let request: Sent<'_> = Box::pin(async move {
            match method {
                Method::GET => client.get(&path).await,
                method => client.send(method, &path, &body).await,
            }
        });
        let reply = counted_by(&service, limit, &id, request, &operation.id).await;
        assert!(reply.status.is_success(), "{}: {}", operation.id, reply.json());
        succeeded.insert(operation.id);
    }
    assert_eq!(succeeded.len(), operations().len() - UNCOUNTED.len());
}

#[tokio::test]
async fn health_checks_are_counted_by_nothing() {
    let service = Service::start().await;
    forget(&service).await;
    for path in ["/auth/v1/health", "/auth/v1/health/live", "/auth/v1/health/ready"] {
        let _ = service.client().get(path).await.expect(200);
    }
    assert_eq!(counts(&service).await, BTreeMap::new());
}
