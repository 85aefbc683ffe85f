//! The Lambda authorizer: other APIs accept the tokens of live sessions, and no others.

use authorizer::{AuthorizerRequest, AuthorizerState, SECRETS, authorize};
use serde_json::{Value, json};
use std::time::Duration;
use tests::dpop::{DpopKey, ORIGIN};
use tests::race::together;
use tests::stores::Stores;
use tests::token::{Key, claims};
use tests::{Service, Session};

use crate::tokens::forgeries::forged_access_tokens;

const PHONE: &str = "+33612345678";
const PATH: &str = "/v1/messages";

async fn state(service: &Service, changed: &[(&str, &str)]) -> AuthorizerState {
    service.function(SECRETS, changed, AuthorizerState::read).await
}

/// A request to the other API, as its gateway describes it.
fn event(headers: &Value) -> Value {
    json!({
        "version": "2.0",
        "type": "REQUEST",
        "routeArn": "arn:aws:execute-api:eu-west-1:123456789012:other/$default/GET/v1/messages",
        "identitySource": [headers["authorization"]],
        "routeKey": "GET /v1/messages",
        "rawPath": PATH,
        "rawQueryString": "",
        "headers": headers,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "other",
            "domainName": "api.example.com",
            "http": {
                "method": "GET",
                "path": PATH,
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.7",
                "userAgent": "app"
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": "GET /v1/messages",
            "stage": "$default",
            "timeEpoch": 1_583_348_638_390_i64
        }
    })
}

/// What the function answers, or that it fails.
async fn ask(state: &AuthorizerState, event: Value) -> Result<Value, String> {
    let function = shared::lambda::serve_events(
        state.core.clone(),
        state.clone(),
        |state, event: AuthorizerRequest| authorize(state, event),
    );
    tests::lambda::invoke(function, event).await.map_err(|error| error.to_string())
}

async fn is_authorized(state: &AuthorizerState, authorization: &str) -> bool {
    let answer = ask(state, event(&json!({ "authorization": authorization }))).await.unwrap();
    // A refusal says nothing else.
    let is_authorized = answer["isAuthorized"].as_bool().expect("an answer");
    assert_eq!(answer.get("context").is_some(), is_authorized, "{answer}");
    is_authorized
}

async fn bearer(state: &AuthorizerState, session: &Session) -> bool {
    is_authorized(state, &format!("Bearer {}", session.access)).await
}

async fn log_out(service: &Service, session: &Session) {
    let client = service.client().bearer(&session.access);
    let _ = client.post("/auth/v1/logout", json!({})).await.expect(204);
}

#[tokio::test]
async fn a_live_session_passes_with_its_ids() {
    let service = Service::start().await;
    let session = service.client().sign_up(PHONE).await;
    let state = state(&service, &[]).await;
    let claims = claims(&session.access);
    let expected = json!({
        "isAuthorized": true,
        "context": {
            "userId": session.user,
            "deviceId": session.device,
            "sessionId": claims["sid"],
            "scope": "user",
            "exp": claims["exp"],
        },
    });
    for (name, scheme) in
        [("authorization", "Bearer"), ("Authorization", "bearer"), ("authorization", "BEARER")]
    {
        let headers = json!({ name: format!("{scheme} {}", session.access) });
        assert_eq!(ask(&state, event(&headers)).await.unwrap(), expected);
    }
    // Nothing is counted: the other API has limits of its own.
    for _ in 0..400 {
        assert!(bearer(&state, &session).await);
    }
    // To the second of its end, also from memory.
    service.advance(Duration::from_mins(15) - Duration::from_secs(1));
    assert!(bearer(&state, &session).await);
    service.advance(Duration::from_secs(1));
    assert!(!bearer(&state, &session).await);
}

#[tokio::test]
async fn nothing_else_passes() {
    let key = Key::new();
    let variables = [("JWT_KEYS", &*key.as_jwt_keys()), ("RATE_LIMITS", "off")];
    let service = Service::with(&variables).await;
    let session = service.client().sign_up(PHONE).await;
    let state = state(&service, &[]).await;
    let forged = forged_access_tokens(&key, &session.access, service.now().seconds());
    assert!(forged.len() > 90, "{}", forged.len());
    for (name, token) in &forged {
        assert!(!is_authorized(&state, &format!("Bearer {token}")).await, "{name}");
    }
    let ws = service.client().ws_token(&session.access).await.expect(200).json();
    let (access, ws) = (&session.access, ws["wsToken"].as_str().unwrap());
    for other in [
        String::new(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        access.clone(),
        format!("Basic {access}"),
        format!("DPoP {access}"),
        format!("Bearer {access},Bearer {access}"),
        format!("Bearer {access}, {access}"),
        format!("Bearer {}", session.refresh),
        format!("Bearer {ws}"),
    ] {
        assert!(!is_authorized(&state, &other).await, "{other}");
    }
    for headers in [json!({}), json!(null), json!({ "authorization": 7 }), json!({ "x": access })] {
        let answer = ask(&state, event(&headers)).await.unwrap();
        assert_eq!(answer, json!({ "isAuthorized": false }), "{headers}");
    }
    assert!(bearer(&state, &session).await);
}

#[tokio::test]
async fn an_event_of_another_kind_fails_and_is_not_repeated_in_the_error() {
    let service = Service::start().await;
    let session = service.client().sign_up(PHONE).await;
    let state = state(&service, &[]).await;
    let mut old = event(&json!({ "authorization": format!("Bearer {}", session.access) }));
    old["version"] = json!("1.0");
    let mut broken = old.clone();
    broken["requestContext"] = json!({ "http": { "method": session.access } });
    broken["rawPath"] = json!([session.access]);
    for event in [old, broken, json!({}), json!(null), json!([session.access])] {
        let error = ask(&state, event).await.unwrap_err();
        assert!(error.starts_with("the event is n"), "{error}");
        assert!(!error.contains(&session.access), "{error}");
    }
}

#[tokio::test]
async fn an_ended_session_is_refused_within_the_bound() {
    let service = Service::with(&[("RATE_LIMITS", "off")]).await;
    let session = service.client().sign_up(PHONE).await;
    let warm = state(&service, &[]).await;
    let without_memory = state(&service, &[("AUTHORIZER_CACHE_SECONDS", "0")]).await;
    for state in [&warm, &without_memory] {
        assert!(bearer(state, &session).await);
    }
    service.advance(Duration::from_secs(1));
    log_out(&service, &session).await;
    // Whoever has not checked it knows at once.
    assert!(!bearer(&without_memory, &session).await);
    assert!(!bearer(&state(&service, &[]).await, &session).await);
    // Who has, 30 s after the check at the latest; until then it asks nobody.
    let asked = warm.core.cache.round_trips();
    assert!(bearer(&warm, &session).await);
    assert_eq!(warm.core.cache.round_trips(), asked);
    service.advance(Duration::from_secs(29));
    assert!(!bearer(&warm, &session).await);

    // Also where Redis has lost what it was told: then the row decides.
    let session = service.client().log_in(PHONE, "phone-1").await;
    assert!(bearer(&warm, &session).await);
    log_out(&service, &session).await;
    let mut redis = service.redis().await;
    redis::cmd("FLUSHDB").exec_async(&mut redis).await.unwrap();
    assert!(!bearer(&without_memory, &session).await);
    service.advance(Duration::from_secs(30));
    assert!(!bearer(&warm, &session).await);
}

#[tokio::test]
async fn an_outage_of_redis_signs_nobody_out_and_one_of_both_is_no_refusal() {
    let service = Service::with(&[("RATE_LIMITS", "off")]).await;
    let client = service.client();
    let (live, ended) = (client.sign_up(PHONE).await, client.sign_up("+33698765432").await);
    log_out(&service, &ended).await;
    let nowhere = Stores::at("postgres://nobody@127.0.0.1:1/none", "redis://127.0.0.1:1/");
    let without_redis = Stores { redis_url: nowhere.redis_url.clone(), ..service.stores.clone() };
    let one = state(&service.over_stores(without_redis).await, &[]).await;
    assert!(bearer(&one, &live).await);
    assert!(!bearer(&one, &ended).await);
    let both = state(&service.over_stores(nowhere).await, &[]).await;
    for session in [&live, &ended] {
        let headers = json!({ "authorization": format!("Bearer {}", session.access) });
        let error = ask(&both, event(&headers)).await.unwrap_err();
        assert!(!error.contains(&session.access), "{error}");
    }
    // A forged token needs no store.
    assert!(!is_authorized(&both, &format!("Bearer {}x", live.access)).await);
}

#[tokio::test]
async fn two_hundred_checks_at_once_each_get_their_own_answer() {
    let service = Service::with(&[("RATE_LIMITS", "off")]).await;
    let client = service.client();
    let mut sessions = Vec::new();
    for number in 0..10 {
        sessions.push(client.sign_up(&format!("+3361234560{number}")).await);
    }
    for ended in &sessions[5..] {
        log_out(&service, ended).await;
    }
    let state = state(&service, &[]).await;
    let checks = (0..200).map(|number| {
        let (state, session) = (state.clone(), sessions[number % 10].clone());
        async move {
            let headers = json!({ "authorization": format!("Bearer {}", session.access) });
            (number, ask(&state, event(&headers)).await.unwrap())
        }
    });
    for (number, answer) in together(checks).await {
        let is_live = number % 10 < 5;
        assert_eq!(answer["isAuthorized"], is_live, "{number}");
        if is_live {
            assert_eq!(answer["context"]["userId"], sessions[number % 10].user);
        }
    }
}

#[tokio::test]
async fn a_token_that_is_bound_to_a_key_needs_its_proof() {
    let service = Service::with(&[("PUBLIC_ORIGINS", ORIGIN), ("RATE_LIMITS", "off")]).await;
    let key = DpopKey::new();
    let register = "/auth/v1/register";
    let id = service.client().verified("register", PHONE).await;
    let body = json!({ "verificationId": id, "deviceId": "phone-1" });
    let client = key.client(&service, "POST", register);
    let session = Session::from_reply(&client.post(register, body).await.expect(201));
    let proof = |method: &str, path: &str| {
        key.sign(&DpopKey::claims(&service, method, path, Some(&session.access)))
    };
    let with = |scheme: &str, proof: &str| {
        event(&json!({ "authorization": format!("{scheme} {}", session.access), "dpop": proof }))
    };
    let passes = async |state: &AuthorizerState, event: Value| {
        ask(state, event).await.unwrap()["isAuthorized"] == true
    };

    let strict = state(&service, &[]).await;
    assert!(!passes(&strict, with("DPoP", &proof("GET", PATH))).await, "not switched on");
    let state = state(&service, &[("AUTHORIZER_DPOP", "true")]).await;
    let good = proof("GET", PATH);
    assert!(passes(&state, with("DPoP", &good)).await);
    assert!(!passes(&state, with("DPoP", &good)).await, "a proof counts once");
    for (scheme, proof) in [
        ("Bearer", proof("GET", PATH)),
        ("DPoP", proof("POST", PATH)),
        ("DPoP", proof("GET", "/v1/other")),
        ("DPoP", String::new()),
        ("DPoP", format!("{},{}", proof("GET", PATH), proof("GET", PATH))),
        (
            "DPoP",
            DpopKey::new().sign(&DpopKey::claims(&service, "GET", PATH, Some(&session.access))),
        ),
    ] {
        assert!(!passes(&state, with(scheme, &proof)).await, "{scheme} {proof}");
    }
    assert!(!bearer(&state, &session).await);
    assert!(passes(&state, with("DPoP", &proof("GET", PATH))).await);
}
