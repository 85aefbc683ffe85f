//! A migration over a filled database while requests run: a column, its values in batches, an
//! index, and the way back, while someone else's transaction holds locks.

use migrations::Runner;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tests::stores::connect;
use tests::{Client, Service, Session};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::temporary_folder;

/// What no request may wait for.
const BOUND: Duration = Duration::from_secs(2);
/// How long someone else's transaction stays open.
const FOREIGN_TRANSACTION: Duration = Duration::from_millis(2500);
const ACCOUNTS: u32 = 80_000;
const CLIENTS: u32 = 4;

/// Accounts with a device and a session each. Triggers and foreign keys are not checked.
async fn fill(service: &Service) {
    let id =
        |kind: u8| format!("('0190000{kind}-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid");
    let sql = format!(
        "SET session_replication_role = replica;
         INSERT INTO auth.users_auth (id, phone_number, last_authenticated_at, created_at, updated_at)
         SELECT {user}, '+339' || lpad(n::text, 8, '0'), t, t, t
           FROM generate_series(1, {ACCOUNTS}) AS n, (SELECT now() AS t) AS t;
         INSERT INTO auth.devices (id, user_id, device_fingerprint, device_name, device_type,
                                   is_verified, last_active, created_at, updated_at)
         SELECT {device}, {user}, 'phone', 'phone', 'ios', true, t, t, t
           FROM generate_series(1, {ACCOUNTS}) AS n, (SELECT now() AS t) AS t;
         INSERT INTO auth.sessions (id, user_id, device_id, auth_time, issued_at, rotated_at,
                                    expires_at, created_at)
         SELECT {session}, {user}, {device}, t, t, t, t + interval '30 days', t
           FROM generate_series(1, {ACCOUNTS}) AS n, (SELECT now() AS t) AS t;
         ANALYZE auth.users_auth, auth.devices, auth.sessions",
        user = id(1),
        device = id(2),
        session = id(3),
    );
    service.sql(&sql).await;
}

/// The repository's migrations, which are applied, and those of the test.
fn runner(name: &str, number: u16, added: &[(&str, &str, &str)]) -> Runner {
    let mut runner = migrations::repository();
    let folder = temporary_folder(name, number);
    for entry in fs::read_dir(&runner.folder).unwrap() {
        let file = entry.unwrap().path();
        fs::copy(&file, folder.join(file.file_name().unwrap())).unwrap();
    }
    runner.folder = folder;
    for (name, up, down) in added {
        let files = runner.create(name).unwrap();
        for (file, text) in files.iter().zip([up, down]) {
            fs::write(file, text).unwrap();
        }
    }
    runner
}

/// What the requests of one client came to.
#[derive(Default)]
struct Requests {
    answered: u32,
    slowest: (Duration, &'static str),
    failed: Vec<String>,
}

impl Requests {
    async fn measure(
        &mut self,
        name: &'static str,
        request: impl Future<Output = tests::Reply>,
    ) -> Option<tests::Reply> {
        let began = Instant::now();
        let reply = request.await;
        let elapsed = began.elapsed();
        self.answered += 1;
        if elapsed > self.slowest.0 {
            self.slowest = (elapsed, name);
        }
        if reply.status.is_success() {
            return Some(reply);
        }
        self.failed.push(format!("{name}: {} {}", reply.status, reply.code()));
        None
    }
}

/// Requests until they are stopped.
struct Traffic {
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Requests>>,
}

impl Traffic {
    async fn start(service: &Service) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut clients = Vec::new();
        for number in 0..CLIENTS {
            let client = service.client();
            let phone = format!("+3361234567{number}");
            let session = client.sign_up(&phone).await;
            clients.push(tokio::spawn(requests(client, phone, session, stop.clone())));
        }
        Self { stop, clients }
    }

    async fn finish(self) -> Vec<Requests> {
        self.stop.store(true, Ordering::SeqCst);
        let mut all = Vec::new();
        for client in self.clients {
            all.push(client.await.expect("a client"));
        }
        all
    }
}

/// Refreshes, asks for access with the session's row read, and now and then logs in again.
async fn requests(
    client: Client,
    phone: String,
    mut session: Session,
    stop: Arc<AtomicBool>,
) -> Requests {
    let mut requests = Requests::default();
    let mut redis = client.service.redis().await;
    for round in 1.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        if let Some(reply) = requests.measure("refresh", client.refresh(&session.refresh)).await {
            let next = Session::from_reply(&reply);
            (session.access, session.refresh) = (next.access, next.refresh);
        }
        // Without its cache entry, the row decides.
        let cached: Vec<String> =
            redis::cmd("KEYS").arg("*session:*").query_async(&mut redis).await.expect("keys");
        for key in cached {
            let _: () = redis::cmd("DEL").arg(key).query_async(&mut redis).await.expect("deleted");
        }
        let _ = requests.measure("ws-token", client.ws_token(&session.access)).await;
        if round % 4 == 0 {
            // Log-in as a whole: code, confirmation, log-in.
            let body = serde_json::json!({ "phoneNumber": phone });
            let path = "/auth/v1/verify/login/request";
            let Some(reply) = requests.measure("request", client.post(path, body)).await else {
                continue;
            };
            let id = reply.json()["verificationId"].as_str().expect("an id").to_owned();
            let code = client.last_code(&phone).await;
            let _ = requests.measure("confirm", client.confirm("login", &id, &code)).await;
            let body = serde_json::json!({ "verificationId": id, "deviceId": "phone-1" });
            let login = requests.measure("login", client.post("/auth/v1/login", body));
            if let Some(reply) = login.await {
                session = Session::from_reply(&reply);
            }
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    requests
}

/// A transaction of someone else that has read the sessions and stays open for a while.
async fn foreign_transaction(service: &Service) -> JoinHandle<()> {
    let other = connect(&service.stores.database_url).await;
    other.batch_execute("BEGIN; SELECT FROM auth.sessions LIMIT 1").await.expect("a transaction");
    tokio::spawn(async move {
        tokio::time::sleep(FOREIGN_TRANSACTION).await;
        other.batch_execute("COMMIT").await.expect("the end of the transaction");
    })
}

const ADD: (&str, &str, &str) = (
    "add_sessions_platform",
    "ALTER TABLE auth.sessions ADD COLUMN platform text;",
    "ALTER TABLE auth.sessions DROP COLUMN platform;",
);
const FILL: (&str, &str, &str) = (
    "fill_sessions_platform",
    "-- batches
     WITH batch AS (
       SELECT id FROM auth.sessions
        WHERE id > coalesce(:after, '00000000-0000-0000-0000-000000000000')::uuid
        ORDER BY id LIMIT 5000),
     filled AS (
       UPDATE auth.sessions AS s SET platform = 'unknown' FROM batch AS b
        WHERE s.id = b.id AND s.platform IS NULL)
     SELECT id FROM batch ORDER BY id;",
    "-- The column goes with the migration before.",
);
const INDEX: (&str, &str, &str) = (
    "index_sessions_platform",
    "-- no-transaction
     CREATE INDEX CONCURRENTLY IF NOT EXISTS sessions_by_platform ON auth.sessions (platform);",
    "-- no-transaction
     DROP INDEX CONCURRENTLY IF EXISTS auth.sessions_by_platform;",
);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_neither_wait_nor_fail_while_a_filled_database_is_migrated() {
    let _alone = tests::race::alone().await;
    let service = Service::with(&[("RATE_LIMITS", "off")]).await;
    fill(&service).await;
    let runner = runner("load", 1, &[ADD, FILL, INDEX]);
    let url = &service.stores.database_url;
    let traffic = Traffic::start(&service).await;

    let other = foreign_transaction(&service).await;
    let began = Instant::now();
    let applied = runner.run(url).await.expect("the migrations are applied");
    let up = began.elapsed();
    other.await.unwrap();
    assert_eq!(applied.len(), 3);
    assert!(up >= FOREIGN_TRANSACTION, "the foreign transaction held nothing: {up:?}");
    let filled = "SELECT count(*) FROM auth.sessions WHERE platform = 'unknown'";
    assert!(service.count(filled).await >= i64::from(ACCOUNTS));
    let index = "SELECT count(*) FROM pg_index WHERE indisvalid
                    AND indexrelid = to_regclass('auth.sessions_by_platform')";
    assert_eq!(service.count(index).await, 1);

    let other = foreign_transaction(&service).await;
    let began = Instant::now();
    for (name, ..) in [INDEX, FILL, ADD] {
        let reverted = runner.revert(url).await.expect("the migration is reverted");
        assert_eq!(reverted.map(|one| one.name).as_deref(), Some(name));
    }
    let back = began.elapsed();
    other.await.unwrap();
    let column = "SELECT count(*) FROM pg_attribute WHERE attname = 'platform' AND NOT attisdropped
                    AND attrelid = 'auth.sessions'::regclass";
    assert_eq!(service.count(column).await, 0);

    let all = traffic.finish().await;
    let answered: u32 = all.iter().map(|requests| requests.answered).sum();
    let slowest = all.iter().map(|requests| requests.slowest).max().unwrap();
    println!("up {up:?}, back {back:?}, {answered} requests, slowest {slowest:?}");
    let failed: Vec<_> = all.iter().flat_map(|requests| &requests.failed).collect();
    assert!(failed.is_empty(), "{failed:?}");
    assert!(slowest.0 < BOUND, "{slowest:?}");
    assert!(answered > 100, "{answered}");
    fs::remove_dir_all(&runner.folder).unwrap();
}

/// That the test above would notice: the same statement without `lock_timeout` stops the
/// service for as long as the foreign transaction is open.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_that_waits_for_its_lock_makes_requests_wait_or_fail() {
    let _alone = tests::race::alone().await;
    let service = Service::with(&[("RATE_LIMITS", "off")]).await;
    let mut runner = runner("load", 2, &[ADD]);
    runner.settings.lock_timeout = Duration::ZERO;
    runner.settings.statement_timeout = Duration::ZERO;
    let traffic = Traffic::start(&service).await;
    let other = foreign_transaction(&service).await;
    assert_eq!(runner.run(&service.stores.database_url).await.unwrap().len(), 1);
    other.await.unwrap();
    let all = traffic.finish().await;
    let slowest = all.iter().map(|requests| requests.slowest.0).max().unwrap();
    let failed = all.iter().any(|requests| !requests.failed.is_empty());
    assert!(failed || slowest >= BOUND, "{slowest:?}");
    fs::remove_dir_all(&runner.folder).unwrap();
}
