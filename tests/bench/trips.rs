//! Round trips to each store, counted by the stores themselves: one client, in this
//! process. Counting a limit may be a round trip of its own.

use serde_json::json;
use std::collections::HashMap;
use tests::{Client, Service, Session};

/// Round trips of one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trips {
    pub postgres: u64,
    pub redis: u64,
}

impl std::ops::Add for Trips {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self { postgres: self.postgres + other.postgres, redis: self.redis + other.redis }
    }
}

/// Of each operation, with limits as in production and with limits lifted as under load.
pub type Counted = HashMap<&'static str, (Trips, Trips)>;

/// Counts every operation once.
pub async fn both() -> Counted {
    let limited = count("on").await;
    let mut lifted = count("off").await;
    let both = |(name, trips)| (name, (trips, lifted.remove(name).unwrap_or_default()));
    limited.into_iter().map(both).collect()
}

async fn count(limits: &str) -> HashMap<&'static str, Trips> {
    let service = Service::with(&[("RATE_LIMITS", limits)]).await;
    let client = service.client();
    // Connections are made and scripts taught by somebody else.
    let _ = journey(&client, "+33612345678").await;
    journey(&client, "+33612345679").await.into_iter().collect()
}

async fn journey(client: &Client, phone: &str) -> Vec<(&'static str, Trips)> {
    let app = &client.service.app;
    let so_far = || (app.store.round_trips(), app.cache.round_trips());
    let mut last = so_far();
    let mut counted = Vec::new();
    let mut count = |name| {
        let now = so_far();
        counted.push((name, Trips { postgres: now.0 - last.0, redis: now.1 - last.1 }));
        last = now;
    };

    let body = json!({ "phoneNumber": phone, "deviceId": "bench" });
    let started = client.post("/auth/v1/verify/register/request", body).await.expect(200).json();
    count("otp_request");
    let code = client.last_code(phone).await;
    count("the inbox");
    let body = json!({
        "verificationId": started["verificationId"], "code": code, "deviceId": "bench",
    });
    let _ = client.post("/auth/v1/verify/register/confirm", body.clone()).await.expect(200);
    count("otp_confirm");
    let session = Session::from_reply(&client.post("/auth/v1/register", body).await.expect(201));
    count("register");
    let _ = client.ws_token(&session.access).await.expect(200);
    count("access");
    let _ = client.refresh(&session.refresh).await.expect(200);
    count("refresh");
    let _ = client.get("/auth/.well-known/jwks.json").await.expect(200);
    count("jwks");
    let _ = client.get("/auth/v1/health/live").await.expect(200);
    count("liveness");

    let id = client.verified("login", phone).await;
    count("its code");
    let body = json!({ "verificationId": id, "deviceId": "bench" });
    let again = Session::from_reply(&client.post("/auth/v1/login", body).await.expect(200));
    count("login");
    let bearer = client.clone().bearer(&again.access);
    let _ = bearer.post("/auth/v1/logout", json!({})).await.expect(204);
    count("logout");
    counted
}
