//! A function or its connection that dies in the middle of a registration or a log-in:
//! nothing is half-done, and the verification can be used again.

use super::{PHONE, unlimited, written};
use serde_json::json;
use tests::service::IDLE;
use tests::stores::connect;
use tests::{Reply, Service, Session};
use tokio::task::JoinHandle;

const BLOCKED: &str = "SELECT pid FROM pg_stat_activity WHERE datname = current_database()
     AND application_name = 'auth' AND wait_event_type = 'Lock'";

/// Holds a lock that the last part of the statement needs, until dropped or committed.
struct Held(tokio_postgres::Client);

impl Held {
    async fn new(service: &Service, table: &str) -> Self {
        let client = connect(&service.stores.database_url).await;
        let lock = format!("BEGIN; LOCK TABLE auth.{table} IN ACCESS EXCLUSIVE MODE");
        client.batch_execute(&lock).await.unwrap();
        Self(client)
    }

    async fn release(self) {
        self.0.batch_execute("ROLLBACK").await.unwrap();
    }
}

/// Begins a request and waits until its statement stands before the lock.
async fn blocked(service: &Service, purpose: &str, id: &str) -> JoinHandle<Reply> {
    let (client, path) = (service.client(), format!("/auth/v1/{purpose}"));
    let body = json!({ "verificationId": id, "deviceId": "phone-1" });
    let request = tokio::spawn(async move { client.post(&path, body).await });
    service.until_waiting(1).await;
    request
}

/// A service where the purpose makes sense, and a verification for it.
async fn prepared(purpose: &str) -> (Service, String) {
    let service = unlimited().await;
    let client = service.client();
    if purpose == "login" {
        let _ = client.sign_up(PHONE).await;
    }
    let id = client.verified(purpose, PHONE).await;
    (service, id)
}

async fn works_again(service: &Service, purpose: &str, id: &str) {
    let body = json!({ "verificationId": id, "deviceId": "phone-1" });
    let status = if purpose == "login" { 200 } else { 201 };
    let reply = service.client().post(&format!("/auth/v1/{purpose}"), body).await;
    let _ = reply.expect(status);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_killed_half_way_leaves_no_row_and_a_usable_verification() {
    for purpose in ["register", "login"] {
        for table in ["audit_heads", "outbox", "login_history"] {
            let (service, id) = prepared(purpose).await;
            let before = written(&service).await;
            let held = Held::new(&service, table).await;
            let request = blocked(&service, purpose, &id).await;
            let kill = format!("SELECT count(pg_terminate_backend(pid)) FROM ({BLOCKED}) b");
            assert_eq!(service.count(&kill).await, 1);
            let reply = request.await.unwrap();
            reply.refused(503, "unavailable");
            held.release().await;
            service.until(IDLE).await;
            assert_eq!(written(&service).await, before, "{purpose}, {table}: a row is left");
            works_again(&service, purpose, &id).await;
        }
    }
}

/// As when Lambda ends a sandbox: the statement is on its way, nobody waits for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_function_killed_half_way_leaves_no_row_and_a_usable_verification() {
    for purpose in ["register", "login"] {
        let (service, id) = prepared(purpose).await;
        let before = written(&service).await;
        let held = Held::new(&service, "audit_heads").await;
        let request = blocked(&service, purpose, &id).await;
        request.abort();
        assert!(request.await.unwrap_err().is_cancelled());
        held.release().await;
        service.until(IDLE).await;
        assert_eq!(written(&service).await, before, "{purpose}: a row came later");
        works_again(&service, purpose, &id).await;
    }
}

/// The client was told that it failed: it must not come true afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn a_registration_given_up_as_too_slow_does_not_come_true_later() {
    for purpose in ["register", "login"] {
        let (service, id) = prepared(purpose).await;
        let before = written(&service).await;
        let held = Held::new(&service, "audit_heads").await;
        let reply = blocked(&service, purpose, &id).await.await.unwrap();
        reply.refused(503, "unavailable");
        held.release().await;
        service.until(IDLE).await;
        assert_eq!(written(&service).await, before, "{purpose}: a row came later");
        works_again(&service, purpose, &id).await;
    }
}

/// Every connection of the pool at once, as when a database fails over: each may cost one
/// refused request, then it is made anew.
#[tokio::test(flavor = "multi_thread")]
async fn the_pool_recovers_from_losing_all_its_connections() {
    const POOL: usize = 8;
    let (service, id) = prepared("login").await;
    let checks = (0..POOL).map(|_| {
        let service = service.clone();
        async move { service.state.core.store.ping().await.is_ok() }
    });
    assert_eq!(tests::race::together(checks).await, [true; POOL]);
    let kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                 WHERE datname = current_database() AND application_name = 'auth'";
    assert!(service.count(kill).await > 1);
    let client = service.client();
    let body = json!({ "verificationId": id, "deviceId": "phone-1" });
    let mut refused = 0;
    let session = loop {
        let reply = client.post("/auth/v1/login", body.clone()).await;
        if reply.status == 200 {
            break Session::from_reply(&reply);
        }
        reply.refused(503, "unavailable");
        refused += 1;
        assert!(refused <= POOL, "the pool keeps dead connections");
    };
    let _ = client.ws_token(&session.access).await.expect(200);
    assert_eq!(service.count("SELECT count(*) FROM auth.sessions").await, 2);
}
