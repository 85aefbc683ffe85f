//! Tokens (section 4): the keys that are published, what a token says and how long it
//! lives, and that none passes where another belongs.

mod dpop;
pub mod forgeries;
mod vectors;

use http::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tests::token::{Key, claims, header};
use tests::{Client, Reply, Service, Session};

const PHONE: &str = "+33612345678";
const JWKS: &str = "/auth/.well-known/jwks.json";

/// The bearer routes.
const BEARER: [&str; 3] = ["/auth/v1/tokens/ws-token", "/auth/v1/logout", "/auth/v1/logout/all"];

async fn ws_token(client: &Client, access: &str) -> String {
    let reply = client.ws_token(access).await.expect(200);
    reply.json()["wsToken"].as_str().expect("a token").to_owned()
}

/// Tries a string as a bearer token, on one route.
async fn as_bearer(client: &Client, path: &str, token: &str) -> Reply {
    client.clone().bearer(token).send(Method::POST, path, &json!({})).await
}

/// The key set, by key id.
async fn published(service: &Service) -> BTreeMap<String, Value> {
    let reply = service.client().get(JWKS).await.expect(200);
    assert_eq!(reply.header("cache-control"), Some("public, max-age=300"));
    assert_eq!(reply.header("content-type"), Some("application/json"));
    let keys = reply.json()["keys"].as_array().cloned().expect("keys");
    keys.into_iter().map(|key| (key["kid"].as_str().unwrap().to_owned(), key)).collect()
}

#[tokio::test]
async fn the_key_set_holds_public_keys_under_their_thumbprints() {
    let [next, current, previous, before, retired] = std::array::from_fn(|_| Key::new());
    let keys = json!({
        "next": next.stored(), "current": current.stored(),
        "previous": [previous.replaced_at(2), before.replaced_at(1)],
        "retired": [retired.replaced_at(0)],
    });
    let service = Service::with(&[("JWT_KEYS", &keys.to_string())]).await;
    let published = published(&service).await;
    let expected: BTreeMap<_, _> = [&next, &current, &previous, &before]
        .into_iter()
        .map(|key| (key.kid(), key.published()))
        .collect();
    // Nothing else: above all no "d", and no retired key.
    assert_eq!(published, expected);

    let session = service.client().sign_up(PHONE).await;
    let ws = ws_token(&service.client(), &session.access).await;
    for (token, typ) in [(&session.access, "at+jwt"), (&session.refresh, "rt+jwt"), (&ws, "ws+jwt")]
    {
        let expected = json!({ "alg": "ES256", "kid": current.kid(), "typ": typ });
        assert_eq!(header(token), expected);
    }
}

/// A rotation step by step: nobody is signed out, and what is signed can be verified by
/// whoever fetched the set before.
#[tokio::test]
async fn a_key_is_published_before_it_signs_and_believed_until_it_is_gone() {
    let (old, new) = (Key::new(), Key::new());
    let service = Service::with(&[("JWT_KEYS", &old.as_jwt_keys())]).await;
    let session = service.client().sign_up(PHONE).await;
    assert_eq!(header(&session.access)["kid"], old.kid());

    let with = async |keys: Value| {
        Service::over(service.stores.clone(), &[("JWT_KEYS", &keys.to_string())]).await
    };
    let before = with(json!({ "current": old.stored(), "next": new.stored() })).await;
    let after = with(json!({ "current": new.stored(), "previous": [old.replaced_at(0)] })).await;
    for service in [&before, &after] {
        let known = published(service).await;
        assert!(known.contains_key(&old.kid()) && known.contains_key(&new.kid()));
        let _ = service.client().ws_token(&session.access).await.expect(200);
    }
    let renewed = after.client().refresh(&session.refresh).await.expect(200);
    let renewed = Session::from_reply(&renewed);
    for token in [&renewed.access, &renewed.refresh] {
        assert_eq!(header(token)["kid"], new.kid());
    }
    // A sandbox that has not been told yet has the new key as its next one.
    let _ = before.client().ws_token(&renewed.access).await.expect(200);

    let done = with(json!({ "current": new.stored() })).await;
    assert!(!published(&done).await.contains_key(&old.kid()));
    done.client().ws_token(&session.access).await.refused(401, "token_invalid");
    done.client().refresh(&session.refresh).await.refused(401, "token_invalid");
    let _ = done.client().refresh(&renewed.refresh).await.expect(200);
}

/// By `cargo local keys rotate`, as an operator does it: each step is a deployment.
#[tokio::test]
async fn a_refresh_token_outlives_two_rotations_and_an_earlier_token_all_within_400_days() {
    let mut variables = local::service::new_keys();
    let keys = |variables: &BTreeMap<String, String>| variables["JWT_KEYS"].clone();
    let mut service = Service::with(&[("JWT_KEYS", &keys(&variables))]).await;
    let session = service.client().sign_up(PHONE).await;
    let kid = header(&session.refresh)["kid"].clone();
    // Prepare, rotate, and rotate again ten days later.
    for days in [0, 0, 10] {
        service.advance(Duration::from_hours(24 * days));
        let rotated = local::service::rotated_keys(&keys(&variables), &service.state.core.clock)
            .expect("keys");
        variables.extend(rotated);
        service = service.with_more(&[("JWT_KEYS", &keys(&variables))]).await;
    }
    let renewed = service.client().refresh(&session.refresh).await.expect(200);
    assert_ne!(header(&Session::from_reply(&renewed).refresh)["kid"], kid);

    // Forty days on, the key is retired: nothing that it signed is valid.
    service.advance(Duration::from_hours(24 * 40));
    let rotated =
        local::service::rotated_keys(&keys(&variables), &service.state.core.clock).expect("keys");
    variables.extend(rotated);
    service = service.with_more(&[("JWT_KEYS", &keys(&variables))]).await;
    assert!(!published(&service).await.contains_key(kid.as_str().expect("a key id")));
    service.client().refresh(&session.refresh).await.refused(401, "token_invalid");
    // It still shows a known device, which has limits of its own.
    for phone_limit in [5, 5] {
        for _ in 0..phone_limit {
            let _ = request_code(&service.client(), None).await.expect(200);
        }
        request_code(&service.client(), None).await.refused(429, "rate_limited");
        let _ = request_code(&service.client(), Some(&session.refresh)).await.expect(200);
        service.advance(Duration::from_hours(2));
    }
    // After 400 days the key is forgotten.
    service.advance(Duration::from_hours(24 * 410));
    let rotated =
        local::service::rotated_keys(&keys(&variables), &service.state.core.clock).expect("keys");
    service = service.with_more(&[("JWT_KEYS", &rotated["JWT_KEYS"])]).await;
    for _ in 0..5 {
        let _ = request_code(&service.client(), None).await.expect(200);
    }
    request_code(&service.client(), Some(&session.refresh)).await.refused(429, "rate_limited");
}

async fn request_code(client: &Client, previous: Option<&str>) -> Reply {
    let body = json!({ "phoneNumber": PHONE, "previousToken": previous });
    client.post("/auth/v1/verify/login/request", body).await
}

/// Each kind of token where each belongs: taken on the diagonal alone.
#[tokio::test]
async fn no_token_passes_where_another_kind_belongs() {
    let service = Service::start().await;
    let client = service.client();
    let session = client.sign_up(PHONE).await;
    let ws = ws_token(&client, &session.access).await;
    for (kind, token) in [("refresh", &session.refresh), ("ws", &ws)] {
        for path in BEARER {
            let reply = as_bearer(&client, path, token).await;
            assert_eq!(reply.code(), "token_invalid", "a {kind} token on {path}");
            let _ = reply.expect(401);
        }
    }
    for token in [&session.access, &ws] {
        client.refresh(token).await.refused(401, "token_invalid");
    }
    let live = "SELECT count(*) FROM auth.sessions WHERE revoked_at IS NULL AND generation = 0";
    assert_eq!(service.count(live).await, 1);
    let _ = client.ws_token(&session.access).await.expect(200);
    let _ = client.refresh(&session.refresh).await.expect(200);
}

#[tokio::test]
async fn a_web_socket_token_lives_a_minute_for_its_own_audience() {
    let service = Service::start().await;
    let client = service.client();
    let session = client.sign_up(PHONE).await;
    let reply = client.ws_token(&session.access).await.expect(200);
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let body = reply.json();
    assert_eq!(body["expiresIn"], 60);
    assert_eq!(body.as_object().map(serde_json::Map::len), Some(2));
    let mut said = claims(body["wsToken"].as_str().unwrap());
    assert!(said.as_object_mut().unwrap().remove("jti").is_some());
    let now = service.now().seconds();
    let expected = json!({
        "iss": "whispr-auth", "aud": "ws", "sub": session.user, "deviceId": session.device,
        "sid": session.id(), "iat": now, "exp": now + 60,
    });
    assert_eq!(said, expected);
}

#[tokio::test]
async fn issuer_audience_and_life_are_configured() {
    let key = Key::new().as_jwt_keys();
    let variables = [
        ("JWT_ISSUER", "https://auth.example.com"),
        ("JWT_AUDIENCE", "example"),
        ("ACCESS_TOKEN_TTL", "120"),
        ("JWT_KEYS", &key),
    ];
    let service = Service::with(&variables).await;
    let client = service.client();
    let session = client.sign_up(PHONE).await;
    let (access, refresh) = (claims(&session.access), claims(&session.refresh));
    assert_eq!((&access["iss"], &access["aud"]), (&variables[0].1.into(), &"example".into()));
    assert_eq!(
        (&refresh["iss"], &refresh["aud"]),
        (&variables[0].1.into(), &variables[0].1.into())
    );
    assert_eq!(access["exp"], service.now().seconds() + 120);

    // The same key elsewhere, under other names: none of its tokens is ours.
    let other = Service::over(service.stores.clone(), &[("JWT_KEYS", &key)]).await;
    other.client().ws_token(&session.access).await.refused(401, "token_invalid");
    other.client().refresh(&session.refresh).await.refused(401, "token_invalid");

    service.advance(Duration::from_millis(119_999));
    let _ = client.ws_token(&session.access).await.expect(200);
    service.advance(Duration::from_millis(1));
    client.ws_token(&session.access).await.refused(401, "token_expired");
}

#[tokio::test]
async fn an_access_token_lives_fifteen_minutes_without_leeway() {
    let service = Service::start().await;
    let client = service.client();
    let session = client.sign_up(PHONE).await;
    service.advance(Duration::from_millis(899_999));
    let _ = client.ws_token(&session.access).await.expect(200);
    service.advance(Duration::from_millis(1));
    for path in BEARER {
        as_bearer(&client, path, &session.access).await.refused(401, "token_expired");
    }
    let _ = client.refresh(&session.refresh).await.expect(200);
}

/// RFC 6750 §3: what was missing is said, and an error only where a token was shown.
#[tokio::test]
async fn a_401_says_which_token_is_wanted() {
    let service = Service::start().await;
    let client = service.client();
    let session = client.sign_up(PHONE).await;
    let plain = Some(r#"Bearer realm="auth""#);
    let invalid = Some(r#"Bearer realm="auth", error="invalid_token""#);
    for path in BEARER {
        let none = client.post(path, json!({})).await;
        assert_eq!(none.header("www-authenticate"), plain);
        none.refused(401, "token_missing");
        for (value, code, challenge) in [
            ("Basic dXNlcjpwYXNz", "token_missing", plain),
            ("Bearer", "token_missing", plain),
            (&session.access, "token_missing", plain),
            ("Bearer x", "token_invalid", invalid),
            ("Bearer ", "token_invalid", invalid),
        ] {
            let client = client.clone().with_header("authorization", value);
            let reply = client.post(path, json!({})).await;
            assert_eq!(reply.header("www-authenticate"), challenge, "{value}");
            reply.refused(401, code);
        }
    }
    // The scheme's case is free (RFC 9110 §11.1).
    let client = client.with_header("authorization", &format!("bEARER {}", session.access));
    let _ = client.post("/auth/v1/tokens/ws-token", json!({})).await.expect(200);
}

/// Two credentials at once are none: it must not matter which one is read.
#[tokio::test]
async fn a_second_authorization_header_is_not_a_way_around_the_first() {
    let service = Service::start().await;
    let client = service.client();
    let session = client.sign_up(PHONE).await;
    let both = client.bearer("x").bearer(&session.access);
    let reply = both.post("/auth/v1/tokens/ws-token", json!({})).await;
    reply.refused(401, "token_invalid");
}
