//! The order of work before a code is sent: the address, the captcha, the look-up, then all
//! that is counted in scripts. What is refused early costs nothing of what comes later: no
//! question to Postgres, no request to another service, no message.

use super::{elsewhere, french, request};
use axum::extract::{Form, Json, State};
use axum::routing::post;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tests::proxy::Proxy;
use tests::race::{counts, tally, together};
use tests::stores::Stores;
use tests::{Client, Reply, Service};

const REGISTER: &str = "/auth/v1/verify/register/request";

/// A service whose questions to Postgres and to its captcha are counted.
struct Counted {
    service: Service,
    postgres: Proxy,
    captchas: Arc<AtomicUsize>,
}

impl Counted {
    async fn start() -> Self {
        let captchas = Arc::new(AtomicUsize::new(0));
        let approve = |State(asked): State<Arc<AtomicUsize>>,
                       Form(form): Form<HashMap<String, String>>| async move {
            asked.fetch_add(1, Ordering::SeqCst);
            Json(json!({ "success": form["response"] == "solved" }))
        };
        let router =
            axum::Router::new().route("/siteverify", post(approve).with_state(captchas.clone()));
        let url = format!("{}/siteverify", tests::service::listen(router).await);
        let stores = Stores::fresh().await;
        let (postgres, database_url) = Proxy::before(&stores.database_url).await;
        let stores = Stores { database_url, ..stores };
        let service = Service::over(stores, &[("SMS_CHALLENGE_URL", &url)]).await;
        Self { service, postgres, captchas }
    }

    /// What was asked so far: of Postgres, of the captcha service.
    fn asked(&self) -> (usize, usize) {
        (self.postgres.requests(), self.captchas.load(Ordering::SeqCst))
    }
}

async fn ask(client: &Client, number: &str, challenge: Value) -> Reply {
    client.post(REGISTER, json!({ "phoneNumber": number, "challenge": challenge })).await
}

#[tokio::test]
async fn an_address_over_its_limit_costs_no_look_up_and_no_captcha() {
    let counted = Counted::start().await;
    let client = counted.service.client();
    for n in 0..10 {
        let _ = ask(&client, &french(n, 0), json!("solved")).await.expect(200);
    }
    let before = counted.asked();
    assert!(before.0 >= 10 && before.1 == 10, "{before:?}");
    for n in 10..40 {
        for challenge in [json!("solved"), json!("junk"), Value::Null] {
            ask(&client, &french(n, 0), challenge).await.refused(429, "rate_limited");
        }
    }
    assert_eq!(counted.asked(), before);
    assert_eq!(counted.service.inbox().await.len(), 10);
}

#[tokio::test]
async fn a_captcha_that_is_not_solved_costs_no_look_up() {
    let counted = Counted::start().await;
    let before = counted.asked();
    for n in 0..5 {
        let client = counted.service.client_at(elsewhere(n));
        ask(&client, &french(n, 0), Value::Null).await.refused(403, "challenge_refused");
    }
    assert_eq!(counted.asked(), before, "asked without an answer to show");
    for n in 0..5 {
        let client = counted.service.client_at(elsewhere(n));
        ask(&client, &french(n, 0), json!("junk")).await.refused(403, "challenge_refused");
    }
    assert_eq!(counted.asked(), (before.0, before.1 + 5));
    // A body that is refused costs neither.
    let client = counted.service.client_at(elsewhere(9));
    ask(&client, "nonsense", json!("solved")).await.refused(400, "validation_failed");
    assert_eq!(counted.asked(), (before.0, before.1 + 5));
    assert!(counted.service.inbox().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn junk_captchas_from_one_address_at_once_reach_the_captcha_ten_times() {
    let counted = Counted::start().await;
    let sandbox = counted.service.sandbox().await;
    let requests = (0..60_u32).map(|n| {
        let edge = if n.is_multiple_of(2) { &counted.service } else { &sandbox };
        let client = edge.client();
        async move { ask(&client, &french(n, 0), json!("junk")).await }
    });
    let replies = together(requests).await;
    assert_eq!(tally(&replies), counts([("403 challenge_refused", 10), ("429 rate_limited", 50)]));
    assert_eq!(counted.asked(), (0, 10));
}

/// What is paused is refused late, so each such request is one of its address.
#[tokio::test]
async fn a_paused_country_counts_the_address_too() {
    let service = Service::with(&[("SMS_BUDGET_PER_COUNTRY", "1")]).await;
    let _ = request(&service, 0, &french(0, 0)).await.expect(200);
    let body = |n: u32| json!({ "phoneNumber": french(n, 0) });
    let client = service.client_at(elsewhere(1));
    for left in (0..10).rev() {
        let reply = client.post(REGISTER, body(left)).await.refused(429, "sms_paused");
        assert_eq!(reply.header("ratelimit-remaining"), Some(left.to_string().as_str()));
    }
    client.post(REGISTER, body(11)).await.refused(429, "rate_limited");
    assert_eq!(service.inbox().await.len(), 1);

    // So is a country whose codes nobody enters.
    let service = Service::start().await;
    for n in 0..50 {
        let _ = request(&service, n, &french(n, 0)).await.expect(200);
    }
    service.advance(Duration::from_mins(2));
    let client = service.client_at(elsewhere(100));
    for n in 0..10 {
        client.post(REGISTER, body(100 + n)).await.refused(429, "sms_paused");
    }
    client.post(REGISTER, body(200)).await.refused(429, "rate_limited");
    assert_eq!(service.inbox().await.len(), 50);
}
