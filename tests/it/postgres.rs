//! Connections to Postgres that are lost, fall silent, or lead to a server that does not
//! write: what is lost while idle fails no request, and nothing needs a new process.

mod conflicts;
mod flows;
mod repeats;
mod standstill;

use std::time::Duration;
use tests::stores::{Stores, connect};
use tests::{Proxy, Service, Session};

const PHONE: &str = "+33612345678";

/// A service whose connections to Postgres go through a proxy. Its `stores` name the database
/// itself.
pub async fn behind_proxy() -> (Proxy, Service) {
    let stores = Stores::fresh().await;
    let (proxy, url) = Proxy::before(&stores.database_url).await;
    let variables = [("DATABASE_URL", url.as_str()), ("RATE_LIMITS", "off")];
    (proxy, Service::over(stores, &variables).await)
}

/// Refreshes, and gives the session with its new tokens.
async fn refreshed(service: &Service, session: &Session) -> Session {
    Session::from_reply(&service.client().refresh(&session.refresh).await.expect(200))
}

#[tokio::test]
async fn a_connection_lost_while_idle_fails_no_request() {
    let (proxy, service) = behind_proxy().await;
    let mut session = service.client().sign_up(PHONE).await;
    for _ in 0..3 {
        proxy.reset();
        session = refreshed(&service, &session).await;
        proxy.half_open();
        service.advance(Duration::from_secs(2));
        session = refreshed(&service, &session).await;
        proxy.silence();
        service.advance(Duration::from_secs(2));
        session = refreshed(&service, &session).await;
        // Too old to be tried.
        proxy.silence();
        service.advance(Duration::from_mins(10));
        session = refreshed(&service, &session).await;
    }
    // A log-in is a transaction, and reads before it.
    proxy.reset();
    let _ = service.client().log_in(PHONE, "phone-2").await;
    proxy.silence();
    service.advance(Duration::from_secs(2));
    let _ = service.client().log_in(PHONE, "phone-3").await;
}

/// The requests that are under way fail. The next ones do not.
#[tokio::test]
async fn a_connection_that_falls_silent_in_use_is_replaced() {
    let (proxy, service) = behind_proxy().await;
    let session = service.client().sign_up(PHONE).await;
    let session = refreshed(&service, &session).await;
    proxy.silence();
    service.client().refresh(&session.refresh).await.refused(503, "unavailable");
    let _ = refreshed(&service, &session).await;
    assert!(proxy.open() <= 1, "the silent connection was closed");
}

#[tokio::test]
async fn slow_answers_are_refused_in_time_and_leave_nothing_behind() {
    let (proxy, service) = behind_proxy().await;
    let session = service.client().sign_up(PHONE).await;
    proxy.delay(Duration::from_millis(300));
    let session = refreshed(&service, &session).await;
    proxy.delay(Duration::from_secs(3));
    service.client().refresh(&session.refresh).await.refused(503, "unavailable");
    proxy.delay(Duration::ZERO);
    let _ = refreshed(&service, &session).await;
}

/// As after a failover: the open connection leads to a server that has become a replica.
#[tokio::test]
async fn a_connection_that_does_not_write_is_replaced() {
    let (_proxy, service) = behind_proxy().await;
    let session = service.client().sign_up(PHONE).await;
    // Of the sessions that begin from now on.
    let name = service.stores.database_url.split(['/', '?']).nth(3).unwrap().to_owned();
    service.sql(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on")).await;
    let sandbox = service.sandbox().await;
    let _ = sandbox.client().ws_token(&session.access).await.expect(200);
    sandbox.state.core.store.ping().await.unwrap();
    let admin = connect(&service.stores.database_url).await;
    for statement in [
        "SET default_transaction_read_only = off".to_owned(),
        format!("ALTER DATABASE {name} RESET default_transaction_read_only"),
    ] {
        admin.batch_execute(&statement).await.unwrap();
    }
    let session = refreshed(&sandbox, &session).await;
    let _ = refreshed(&sandbox, &session).await;
}

/// The name leads elsewhere, and the old address is silent.
#[tokio::test]
async fn a_new_address_behind_the_name_is_found() {
    let (proxy, service) = behind_proxy().await;
    let session = service.client().sign_up(PHONE).await;
    let elsewhere = Proxy::before(&service.stores.database_url).await.0;
    proxy.redirect(elsewhere.address());
    proxy.silence();
    service.advance(Duration::from_secs(2));
    let session = refreshed(&service, &session).await;
    // One for the cancellation of what was given up.
    let opened = elsewhere.opened();
    assert!((1..=2).contains(&opened), "{opened}");
    let _ = refreshed(&service, &session).await;
    assert_eq!(elsewhere.opened(), opened, "a connection that works is kept");
}

/// Every statement is prepared once on a connection; without names none is.
#[tokio::test]
async fn statements_are_prepared_once_per_connection_or_never() {
    for (mode, expected) in [("named", true), ("unnamed", false)] {
        let service = Service::with(&[("DATABASE_STATEMENTS", mode), ("DATABASE_POOL", "1")]).await;
        let client = service.client();
        let _ = client.sign_up(PHONE).await;
        let mut session = client.log_in(PHONE, "phone-1").await;
        let mut seen = Vec::new();
        for _ in 0..3 {
            session = refreshed(&service, &session).await;
            seen.push(service.state.core.store.prepared_statements().await.unwrap());
        }
        // The log-in, the refresh and the question itself.
        assert_eq!(seen[0] > 3, expected, "{mode}: {seen:?}");
        assert!(seen[1] - seen[0] <= 1 && seen[2] == seen[1], "{mode}: {seen:?}");
    }
}
