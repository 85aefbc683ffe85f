//! Tokens that are bound to a client's key (DPoP, RFC 9449): worth nothing without a new proof for
//! each request.

use super::{PHONE, claims};
use serde_json::{Value, json};
use std::time::Duration;
use tests::dpop::{DpopKey, ORIGIN};
use tests::race::{counts, tally, together};
use tests::{Reply, Service, Session};

const REGISTER: &str = "/auth/v1/register";
const REFRESH: &str = "/auth/v1/tokens/refresh";
const WS_TOKEN: &str = "/auth/v1/tokens/ws-token";

async fn service() -> Service {
    Service::with(&[("PUBLIC_ORIGINS", ORIGIN), ("RATE_LIMITS", "off")]).await
}

/// A session whose tokens are bound to this key.
async fn bound(service: &Service, key: &DpopKey) -> Session {
    let id = service.client().verified("register", PHONE).await;
    let client = key.client(service, "POST", REGISTER);
    let body = json!({ "verificationId": id, "deviceId": "phone-1" });
    Session::from_reply(&client.post(REGISTER, body).await.expect(201))
}

async fn ws_token(client: tests::Client) -> Reply {
    client.post(WS_TOKEN, json!({})).await
}

async fn refresh(client: tests::Client, session: &Session) -> Reply {
    client.post(REFRESH, json!({ "refreshToken": session.refresh })).await
}

#[tokio::test]
async fn a_bound_session_needs_a_proof_for_each_request() {
    let (service, key) = (service().await, DpopKey::new());
    let session = bound(&service, &key).await;
    for token in [&session.access, &session.refresh] {
        assert!(claims(token)["cnf"]["jkt"].is_string());
    }
    let _ = ws_token(key.bearer(&service, "POST", WS_TOKEN, &session.access)).await.expect(200);
    // As a bearer token it is worth nothing, with or without a proof.
    let bearer = |client: tests::Client| client.bearer(&session.access);
    ws_token(bearer(service.client())).await.refused(401, "dpop_proof_invalid");
    let with_proof = bearer(key.client(&service, "POST", WS_TOKEN));
    ws_token(with_proof).await.refused(401, "dpop_proof_invalid");
    let without =
        service.client().with_header("authorization", &format!("DPoP {}", session.access));
    ws_token(without).await.refused(401, "dpop_proof_invalid");
    // Nor is the refresh token, and the session goes on.
    refresh(service.client(), &session).await.refused(401, "dpop_proof_invalid");
    let renewed = refresh(key.client(&service, "POST", REFRESH), &session).await.expect(200);
    let renewed = Session::from_reply(&renewed);
    assert_eq!(claims(&renewed.access)["cnf"], claims(&session.access)["cnf"]);
    assert_eq!(claims(&renewed.refresh)["cnf"], claims(&session.access)["cnf"]);
    let _ = ws_token(key.bearer(&service, "POST", WS_TOKEN, &renewed.access)).await.expect(200);
}

#[tokio::test]
async fn a_proof_of_another_request_or_key_does_not_hold() {
    let (service, key) = (service().await, DpopKey::new());
    let session = bound(&service, &key).await;
    let proof_claims = || DpopKey::claims(&service, "POST", WS_TOKEN, Some(&session.access));
    let with = |name: &str, to: Value| {
        let mut claims = proof_claims();
        claims[name] = to;
        key.sign(&claims)
    };
    let now = service.now().seconds();
    let other = DpopKey::new();
    for proof in [
        with("htm", json!("GET")),
        with("htu", json!(format!("{ORIGIN}{REFRESH}"))),
        with("htu", json!(format!("https://evil.example.com{WS_TOKEN}"))),
        with("ath", json!("AAAA")),
        with("ath", Value::Null),
        with("iat", json!(now - 61)),
        with("iat", json!(now + 6)),
        with("jti", json!("")),
        other.sign(&proof_claims()),
        "not a proof".to_owned(),
    ] {
        let client = service
            .client()
            .with_header("dpop", &proof)
            .with_header("authorization", &format!("DPoP {}", session.access));
        ws_token(client).await.refused(401, "dpop_proof_invalid");
    }
    let two = key.bearer(&service, "POST", WS_TOKEN, &session.access);
    let two = two.with_header("dpop", &key.sign(&proof_claims()));
    ws_token(two).await.refused(401, "dpop_proof_invalid");
    refresh(other.client(&service, "POST", REFRESH), &session)
        .await
        .refused(401, "dpop_proof_invalid");
    let _ = refresh(key.client(&service, "POST", REFRESH), &session).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_is_accepted_once() {
    let (service, key) = (service().await, DpopKey::new());
    let session = bound(&service, &key).await;
    let client = key.bearer(&service, "POST", WS_TOKEN, &session.access);
    let replies = together((0..50).map(|_| ws_token(client.clone()))).await;
    assert_eq!(tally(&replies), counts([("200", 1), ("401 dpop_proof_invalid", 49)]));
    // Until its time is over, and then it is too old.
    for seconds in [59, 2, 10] {
        service.advance(Duration::from_secs(seconds));
        ws_token(client.clone()).await.refused(401, "dpop_proof_invalid");
    }
}

#[tokio::test]
async fn a_client_without_proofs_is_a_bearer_client() {
    let (service, key) = (service().await, DpopKey::new());
    let session = service.client().sign_up(PHONE).await;
    assert!(claims(&session.access).get("cnf").is_none());
    let _ = service.client().ws_token(&session.access).await.expect(200);
    // It is no bound token, whatever is proven.
    ws_token(key.bearer(&service, "POST", WS_TOKEN, &session.access))
        .await
        .refused(401, "token_invalid");
    let _ = refresh(service.client(), &session).await.expect(200);
}

#[tokio::test]
async fn a_bad_proof_at_register_is_refused_and_uses_nothing_up() {
    let (service, key) = (service().await, DpopKey::new());
    let id = service.client().verified("register", PHONE).await;
    let body = json!({ "verificationId": id });
    let other = key.client(&service, "POST", "/auth/v1/login");
    other.post(REGISTER, body.clone()).await.refused(401, "dpop_proof_invalid");
    let _ = key.client(&service, "POST", REGISTER).post(REGISTER, body).await.expect(201);
}

/// An earlier token that is bound shows a known device with its key alone.
#[tokio::test]
async fn an_earlier_token_needs_its_key() {
    let service = Service::with(&[("PUBLIC_ORIGINS", ORIGIN)]).await;
    let key = DpopKey::new();
    let session = bound(&service, &key).await;
    let path = "/auth/v1/verify/login/request";
    let body = json!({ "phoneNumber": PHONE, "previousToken": session.refresh });
    service.advance(Duration::from_hours(2));
    for _ in 0..5 {
        let _ = service.client().post(path, body.clone()).await.expect(200);
    }
    service.client().post(path, body.clone()).await.refused(429, "rate_limited");
    let _ = key.client(&service, "POST", path).post(path, body).await.expect(200);
}
