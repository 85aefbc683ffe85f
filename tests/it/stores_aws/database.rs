//! Postgres: each new connection asks for the login.

use super::{CloudDouble, changing, down};
use shared::telemetry::ErrorChain;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use stores::{Options, Postgres};
use tests::stores::{Stores, connect, own_postgres};
use tests::{Service, Session};
use tokio_postgres::NoTls;

const END_CONNECTIONS: &str =
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'auth_app'";

/// A Postgres whose role `auth_app` must show its password, which is `first`.
async fn guarded() -> (Postgres, Stores) {
    let (postgres, stores) = own_postgres(Options::ephemeral()).await.expect("Postgres starts");
    let admin = connect(&stores.database_url).await;
    // In plain text: without optimisation, SCRAM keeps the client busy for a second.
    let file: String = admin.query_one("SHOW hba_file", &[]).await.unwrap().get(0);
    let rules = format!(
        "CREATE ROLE auth_app SUPERUSER LOGIN PASSWORD 'first';
         COPY (VALUES ('host all auth_app 127.0.0.1/32 password'),
             ('host all all 127.0.0.1/32 trust')) TO '{file}';
         SELECT pg_reload_conf()"
    );
    admin.batch_execute(&rules).await.expect("rules");
    // Until Postgres has read them.
    while tokio_postgres::connect(&url(&postgres, "wrong"), NoTls).await.is_ok() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    (postgres, stores)
}

fn url(postgres: &Postgres, password: &str) -> String {
    let port = postgres.port();
    format!("postgres://auth_app:{password}@127.0.0.1:{port}/auth?sslmode=disable")
}

/// Asks for new tokens until it is told to stop.
async fn load(service: Service, mut session: Session, stop: Arc<AtomicBool>) -> usize {
    let mut requests = 0;
    while !stop.load(Ordering::SeqCst) {
        let reply = service.client().refresh(&session.refresh).await.expect(200);
        session = Session::from_reply(&reply);
        requests += 1;
        tokio::task::yield_now().await;
    }
    requests
}

#[tokio::test]
async fn a_password_that_changes_under_load_fails_no_request() {
    let (postgres, stores) = guarded().await;
    let admin = connect(&stores.database_url).await;
    let secret = Arc::new(Mutex::new(url(&postgres, "first")));
    let service = Service::over(stores, &[("RATE_LIMITS", "off")]).await;
    let change = |before| changing(before, "DATABASE_URL", &secret);
    let service = service.with_lookup(change).await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut loads = Vec::new();
    for n in 0..8 {
        let session = service.client().sign_up(&format!("+3361234567{n}")).await;
        loads.push(tokio::spawn(load(service.clone(), session, stop.clone())));
    }
    for password in ["second", "third", "fourth"] {
        // As a rotation does it: the server first, then the secret.
        let statement = format!("ALTER ROLE auth_app PASSWORD '{password}'");
        admin.batch_execute(&statement).await.unwrap();
        admin.batch_execute(END_CONNECTIONS).await.unwrap();
        *secret.lock().unwrap() = url(&postgres, password);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        admin.batch_execute(END_CONNECTIONS).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    stop.store(true, Ordering::SeqCst);
    let mut requests = 0;
    for load in loads {
        requests += load.await.expect("no request fails");
    }
    assert!(requests > 16, "{requests} requests are no load");
}

#[tokio::test]
async fn a_wrong_password_is_an_error_without_the_password() {
    let (postgres, stores) = guarded().await;
    let service = Service::over(stores, &[]).await;
    let wrong = url(&postgres, "hunter2");
    let service = service.with_more(&[("DATABASE_URL", wrong.as_str())]).await;
    let error = service.state.core.store.ping().await.unwrap_err();
    let text = format!("{} {error:?}", ErrorChain(&error));
    assert!(text.contains("28P01") && !text.contains("hunter2"), "{text}");
    assert!(error.is_transient());
}

#[tokio::test]
async fn the_json_of_a_secret_of_rds_is_an_address() {
    let (postgres, stores) = guarded().await;
    let port = postgres.port().to_string();
    let service = Service::over(stores, &[]).await;
    let whole = format!(
        r#"{{"username":"auth_app","password":"first","engine":"postgres",
             "host":"127.0.0.1","port":{port},"dbname":"auth","dbInstanceIdentifier":"db"}}"#
    );
    let plain = ("DB_SSLMODE", "disable");
    let of_whole = service.with_more(&[("DATABASE_URL", &whole), plain]).await;
    of_whole.state.core.store.ping().await.expect("an answer");
    // What RDS rotates by itself holds the login alone.
    let login = r#"{"username":"auth_app","password":"first"}"#;
    let parts = [("DB_HOST", "127.0.0.1"), ("DB_PORT", port.as_str()), ("DB_NAME", "auth"), plain];
    let of_login = service.with_more(&[&[("DATABASE_URL", login)], &parts[..]].concat()).await;
    of_login.state.core.store.ping().await.expect("an answer");
}

#[tokio::test]
async fn with_iam_each_connection_has_a_password_of_its_own() {
    let (postgres, stores) = guarded().await;
    let admin = connect(&stores.database_url).await;
    let (port, cloud) = (postgres.port().to_string(), CloudDouble::new());
    // What stands in a URL with another meaning is encoded.
    let first = "host:5432/?Action=connect&DBUser=auth_app&X-Amz-Signature=a%2Bb";
    cloud.set_password(first);
    let set = async |password: &str| {
        let statement = format!("ALTER ROLE auth_app PASSWORD '{password}'");
        admin.batch_execute(&statement).await.unwrap();
    };
    set(first).await;
    let variables = [
        ("DATABASE_URL", ""),
        ("DB_HOST", "127.0.0.1"),
        ("DB_PORT", port.as_str()),
        ("DB_NAME", "auth"),
        ("DB_USERNAME", "auth_app"),
        ("DB_SSLMODE", "disable"),
        ("DB_IAM_AUTH", "true"),
        ("DATABASE_POOL", "1"),
    ];
    let service = Service::over(stores, &[]).await.in_cloud(Some(cloud.clone()), &variables).await;
    assert_eq!(cloud.passwords.load(Ordering::SeqCst), 0, "nothing is asked before it is needed");
    let _ = service.client().sign_up("+33612345678").await;
    assert_eq!(cloud.passwords.load(Ordering::SeqCst), 1, "one connection, one password");
    set("second").await;
    cloud.set_password("second");
    let _ = service.client().sign_up("+33612345679").await;
    assert_eq!(cloud.passwords.load(Ordering::SeqCst), 1, "an open connection stays");
    admin.batch_execute(END_CONNECTIONS).await.unwrap();
    let _ = service.client().sign_up("+33612345670").await;
    assert_eq!(cloud.passwords.load(Ordering::SeqCst), 2);

    *cloud.password.lock().unwrap() = Err(down("RDS", "sign"));
    admin.batch_execute(END_CONNECTIONS).await.unwrap();
    let error = service.state.core.store.ping().await.unwrap_err();
    let text = ErrorChain(&error).to_string();
    assert!(text.contains("RDS sign"), "{text}");
    assert!(error.is_transient());
}

/// How often the secret is loaded when many connections meet a changed password at once.
#[tokio::test]
async fn connections_that_are_refused_together_all_find_the_new_password() {
    let (postgres, stores) = guarded().await;
    let admin = connect(&stores.database_url).await;
    let secret = Arc::new(Mutex::new(url(&postgres, "first")));
    let service = Service::over(stores, &[("DATABASE_POOL", "20")]).await;
    let change = |before| changing(before, "DATABASE_URL", &secret);
    let service = service.with_lookup(change).await;
    service.state.core.store.ping().await.expect("an answer");
    admin.batch_execute("ALTER ROLE auth_app PASSWORD 'second'").await.unwrap();
    *secret.lock().unwrap() = url(&postgres, "second");
    admin.batch_execute(END_CONNECTIONS).await.unwrap();
    let answered = Arc::new(AtomicUsize::new(0));
    let mut pings = Vec::new();
    for _ in 0..50 {
        let (core, answered) = (service.state.core.clone(), answered.clone());
        pings.push(tokio::spawn(async move {
            core.store.ping().await.expect("an answer");
            answered.fetch_add(1, Ordering::SeqCst);
        }));
    }
    for ping in pings {
        ping.await.expect("an answer");
    }
    assert_eq!(answered.load(Ordering::SeqCst), 50);
}
