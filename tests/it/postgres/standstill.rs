//! A Postgres that stands still, and statements that are given up: they are cancelled, the
//! server ends what nobody waits for, and the service holds no more connections than its
//! pool has places.

use super::{PHONE, behind_proxy, refreshed};
use std::time::Duration;
use stores::Options;
use tests::service::IDLE;
use tests::stores::{connect, own_postgres};
use tests::{Proxy, Service};

const POOL: usize = 8;

/// Whether a statement of the service runs at the server.
const RUNNING: &str =
    "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()
         AND application_name = 'auth' AND state <> 'idle')";

/// Holds the rows of all sessions.
const ALL_SESSIONS: &str = "SELECT FROM auth.sessions FOR UPDATE";

#[tokio::test]
async fn a_statement_that_is_given_up_does_not_run_on() {
    let (_proxy, service) = behind_proxy().await;
    let session = service.client().sign_up(PHONE).await;
    let holder = service.hold(ALL_SESSIONS).await;
    service.client().refresh(&session.refresh).await.refused(503, "unavailable");
    service.until(IDLE).await;
    holder.batch_execute("ROLLBACK").await.unwrap();
    // It was not exchanged meanwhile: the token is still of the newest generation.
    assert_eq!(service.count("SELECT sum(generation) FROM auth.sessions").await, 0);
    let _ = refreshed(&service, &session).await;
}

/// Neither the cancellation nor the end of the connection reaches the server.
#[tokio::test]
async fn the_server_itself_ends_what_nobody_waits_for() {
    let (proxy, service) = behind_proxy().await;
    let session = service.client().sign_up(PHONE).await;
    let holder = service.hold(ALL_SESSIONS).await;
    let client = service.client();
    let request = tokio::spawn(async move { client.refresh(&session.refresh).await });
    service.until(RUNNING).await;
    proxy.swallow_new(true);
    proxy.keep_store_side(true);
    proxy.silence();
    request.await.unwrap().refused(503, "unavailable");
    service.until(IDLE).await;
    holder.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(service.count("SELECT sum(generation) FROM auth.sessions").await, 0);
}

/// A log-in holds its account's row between its statements. Its sandbox falls silent there.
#[tokio::test]
async fn a_transaction_whose_client_is_gone_frees_its_rows() {
    let (proxy, service) = behind_proxy().await;
    let _ = service.client().sign_up(PHONE).await;
    let id = service.client().verified("login", PHONE).await;
    let holder = connect(&service.stores.database_url).await;
    holder.batch_execute("BEGIN; SELECT FROM auth.users_auth FOR UPDATE").await.unwrap();
    let client = service.client();
    let body = serde_json::json!({ "verificationId": id, "deviceId": "phone-2" });
    let request = tokio::spawn(async move { client.post("/auth/v1/login", body).await });
    service.until(RUNNING).await;
    proxy.swallow_new(true);
    proxy.keep_store_side(true);
    proxy.silence();
    // The lock statement is answered, and nobody hears it.
    holder.batch_execute("ROLLBACK").await.unwrap();
    request.await.unwrap().refused(503, "unavailable");
    service.until(IDLE).await;
    let free = "SELECT count(*) FROM (SELECT FROM auth.users_auth FOR UPDATE NOWAIT) u";
    assert_eq!(service.count(free).await, 1);
    assert_eq!(service.count("SELECT count(*) FROM auth.sessions").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_stands_still_holds_no_more_connections_than_the_pool() {
    let (postgres, stores) = own_postgres(Options::ephemeral()).await.expect("Postgres starts");
    let (proxy, url) = Proxy::before(&stores.database_url).await;
    let pool = POOL.to_string();
    let variables = [
        ("DATABASE_URL", url.as_str()),
        ("DATABASE_POOL", &pool),
        ("RATE_LIMIT_REFRESH_SESSION", "100/60"),
    ];
    let service = Service::over(stores, &variables).await;
    let session = service.client().sign_up(PHONE).await;

    postgres.pause();
    let requests: Vec<_> = (0..40)
        .map(|_| {
            let (client, token) = (service.client(), session.refresh.clone());
            tokio::spawn(async move { client.refresh(&token).await })
        })
        .collect();
    let mut most = 0;
    while !requests.iter().all(tokio::task::JoinHandle::is_finished) {
        // What was just closed is still counted for a moment: what is too much stays.
        let mut open = proxy.open();
        for _ in 0..10 {
            tokio::time::sleep(Duration::from_millis(20)).await;
            open = open.min(proxy.open());
        }
        most = most.max(open);
    }
    for request in requests {
        request.await.unwrap().refused(503, "unavailable");
    }
    assert!((1..=POOL).contains(&most), "{most} connections");
    postgres.resume();
    let _ = refreshed(&service, &session).await;
    // What was given up is over.
    for _ in 0..100 {
        if proxy.open() <= 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{} connections are still open", proxy.open());
}
