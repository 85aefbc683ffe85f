//! The table "When a store is down" of ARCHITECTURE.md, its column for Redis, line by line:
//! Redis is killed or hangs. And what is lost when Redis is emptied, restarted or evicts.

use crate::verify::{ask, id_of, resend, status};
use serde_json::{Value, json};
use stores::{Options, Redis};
use tests::stores::own_redis;
use tests::{Client, Keys, Reply, Service, Session};

const ALICE: &str = "+33612345678";
const BOB: &str = "+33698765432";
const KEYS: &str = "/auth/v1/signal/keys";

/// What was there before: two accounts, an ended session, a running and a confirmed
/// verification.
struct Before {
    redis: Redis,
    service: Service,
    keys: Keys,
    alice: Session,
    bob: Session,
    ended: Session,
    running: (String, String),
    confirmed: String,
}

impl Before {
    async fn new(options: Options) -> Self {
        let (redis, stores) = own_redis(options).await;
        let service = Service::over(stores, &[]).await;
        let (client, keys) = (service.client(), Keys::new());
        let alice = client.sign_up_with(ALICE, keys.bundle(1..9, 1..9)).await;
        let bob = client.sign_up_with(BOB, Keys::new().bundle(1..30, 1..30)).await;
        let ended = client.log_in(BOB, "lost").await;
        let _ = bearer(&client, &ended).post("/auth/v1/logout", json!({})).await.expect(204);
        let running = client.start("login", ALICE).await;
        let confirmed = client.verified("login", ALICE).await;
        Self { redis, service, keys, alice, bob, ended, running, confirmed }
    }

    async fn command(&self, command: &[&str]) -> redis::Value {
        let client = redis::Client::open(self.redis.url(0)).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let (name, arguments) = command.split_first().unwrap();
        redis::cmd(name).arg(arguments).query_async(&mut connection).await.unwrap()
    }

    async fn bundle(&self) -> Value {
        let path = format!("{KEYS}/{}/devices/{}", self.bob.user, self.bob.device);
        bearer(&self.service.client(), &self.alice).get(&path).await.expect(200).json()
    }
}

fn bearer(client: &Client, session: &Session) -> Client {
    client.clone().bearer(&session.access)
}

#[track_caller]
fn unavailable(reply: Reply) {
    assert!(reply.header("retry-after").is_some());
    reply.refused(503, "unavailable");
}

/// Every line of the table, while Redis does not answer.
async fn down(before: &Before) {
    let client = before.service.client();
    for purpose in ["register", "login"] {
        unavailable(ask(&client, purpose, "+33611111111").await);
        unavailable(client.confirm(purpose, &before.running.0, &before.running.1).await);
        let path = format!("/auth/v1/{purpose}");
        unavailable(client.post(&path, json!({ "verificationId": before.confirmed })).await);
    }
    unavailable(resend(&client, &before.running.0).await);
    unavailable(status(&client, &before.running.0).await);
    let _ = client.refresh(&before.alice.refresh).await.expect(200);
    let reply = client.ws_token(&before.alice.access).await.expect(200);
    assert_eq!(reply.header("ratelimit-remaining"), None);
    client.ws_token(&before.ended.access).await.refused(401, "session_ended");
    let bundle = before.bundle().await;
    assert!(bundle.get("preKey").is_none(), "{bundle}");
    assert!(!bundle["signedPreKey"].is_null());
    let body = json!({ "preKeys": before.keys.prekeys(50..60) });
    let alice = bearer(&client, &before.alice);
    let _ = alice.post(&format!("{KEYS}/prekeys"), body).await.expect(201);
    let _ = client.get("/auth/.well-known/jwks.json").await.expect(200);
    let _ = client.get("/auth/swagger-json").await.expect(200);
    let _ = client.get("/auth/v1/health/live").await.expect(200);
    assert_eq!(client.get("/auth/v1/health").await.status, 503);
    let ready = client.get("/auth/v1/health/ready").await.expect(503).json();
    assert_eq!((&ready["redis"], &ready["database"]), (&"down".into(), &"up".into()));
    unavailable(client.get("/metrics").await);
    // The last, because it ends the session.
    let _ = bearer(&client, &before.bob).post("/auth/v1/logout", json!({})).await.expect(204);
    client.ws_token(&before.bob.access).await.refused(401, "session_ended");
}

/// Everything in Redis is lost, or may be.
async fn emptied(before: &Before) {
    let client = before.service.client();
    let _ = client.ws_token(&before.alice.access).await.expect(200);
    let _ = client.refresh(&before.alice.refresh).await.expect(200);
    client.ws_token(&before.ended.access).await.refused(401, "session_ended");
    client.refresh(&before.ended.refresh).await.refused(401, "session_ended");
    status(&client, &before.running.0).await.refused(404, "verification_not_found");
    let (id, code) = &before.running;
    client.confirm("login", id, code).await.refused(400, "verification_invalid");
    resend(&client, id).await.refused(400, "verification_invalid");
    let body = json!({ "verificationId": before.confirmed });
    client.post("/auth/v1/login", body).await.refused(400, "verification_invalid");
    // Codes are requested again, and keys handed out.
    let again = ask(&client, "login", ALICE).await.expect(200);
    let code = client.last_code(ALICE).await;
    let _ = client.confirm("login", &id_of(&again), &code).await.expect(200);
    assert!(!before.bundle().await["preKey"].is_null());
    assert_eq!(client.get("/auth/v1/health").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_holds_while_redis_is_killed_and_after_its_restart() {
    let mut before = Before::new(Options::ephemeral()).await;
    before.redis.kill();
    down(&before).await;
    before.redis.restart().expect("Redis starts again");
    emptied(&before).await;
    before.service.client().ws_token(&before.bob.access).await.refused(401, "session_ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_holds_while_redis_hangs() {
    let before = Before::new(Options::ephemeral()).await;
    before.redis.pause();
    down(&before).await;
    before.redis.resume();
    // Nothing was lost.
    let client = before.service.client();
    let _ = status(&client, &before.running.0).await.expect(200);
    let _ = client.confirm("login", &before.running.0, &before.running.1).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_holds_when_redis_is_emptied() {
    let before = Before::new(Options::ephemeral()).await;
    before.command(&["FLUSHALL"]).await;
    before.command(&["SCRIPT", "FLUSH"]).await;
    emptied(&before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_holds_when_redis_evicts_and_that_is_counted() {
    let options = Options::ephemeral().arguments(["--maxmemory-policy", "volatile-lru"]);
    let before = Before::new(options).await;
    let info = before.command(&["INFO", "memory"]).await;
    let info: String = redis::from_redis_value(info).unwrap();
    let used = info.lines().find_map(|line| line.strip_prefix("used_memory:")).unwrap();
    let maximum = used.trim().parse::<u64>().unwrap() + 300_000;
    before.command(&["CONFIG", "SET", "maxmemory", &maximum.to_string()]).await;
    let filling = "x".repeat(1000);
    for n in 0..1500 {
        before.command(&["SET", &format!("filling:{n}"), &filling, "EX", "600"]).await;
    }
    let stats = before.command(&["INFO", "stats"]).await;
    let stats: String = redis::from_redis_value(stats).unwrap();
    let evicted = stats.lines().find_map(|line| line.strip_prefix("evicted_keys:")).unwrap();
    assert!(evicted.trim().parse::<u64>().unwrap() > 1000, "{evicted}");
    emptied(&before).await;
    let metrics = before.service.client().get("/metrics").await.expect(200);
    let metrics = String::from_utf8(metrics.body).unwrap();
    assert!(metrics.contains("auth_redis_evicting_total 1"), "{metrics}");
}

#[tokio::test]
async fn a_redis_that_does_not_evict_is_not_counted() {
    let service = Service::start().await;
    let _ = service.client().sign_up(ALICE).await;
    let metrics = service.client().get("/metrics").await.expect(200);
    assert!(!String::from_utf8(metrics.body).unwrap().contains("auth_redis_evicting"));
}
