//! Postgres and Redis for this process: started with the first test that asks, stopped by
//! their guards when the process ends. Each test gets a database of each for itself.

use ::stores::{Options, Postgres, Redis, StoreError};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::OnceCell;
use tokio_postgres::NoTls;

use crate::process::cpu_time;

struct Servers {
    postgres: Postgres,
    redis: Redis,
}

static SERVERS: OnceLock<Servers> = OnceLock::new();
static TEMPLATE: OnceCell<()> = OnceCell::const_new();
/// Redis database 0 stays empty, so that a forgotten number shows.
static NEXT: AtomicU16 = AtomicU16::new(1);

const TEMPLATE_NAME: &str = "auth_template";

fn servers() -> &'static Servers {
    SERVERS.get_or_init(|| start(&[]))
}

fn start(postgres: &[&str]) -> Servers {
    let options = Options::ephemeral().arguments(postgres.iter().copied());
    Servers {
        postgres: Postgres::start(&options).expect("Postgres starts"),
        redis: Redis::start(&Options::ephemeral()).expect("Redis starts"),
    }
}

/// Starts the servers of this process with these arguments for Postgres.
///
/// # Panics
/// If they run already.
pub fn start_with(postgres: &[&str]) {
    assert!(SERVERS.set(start(postgres)).is_ok(), "the servers run already");
}

/// Databases whose tests have ended.
static UNUSED: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn unused() -> MutexGuard<'static, Vec<String>> {
    UNUSED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The database of a test, by its name.
#[derive(Debug)]
pub struct Database(String);

impl Drop for Database {
    fn drop(&mut self) {
        unused().push(std::mem::take(&mut self.0));
    }
}

/// Addresses of a migrated, empty database and an empty Redis database.
#[derive(Clone, Debug)]
pub struct Stores {
    pub database_url: String,
    pub redis_url: String,
    /// Dropped when the last clone of this is gone: all tests together fill 16 GB.
    pub database: Option<Arc<Database>>,
}

impl Stores {
    /// Stores that somebody else has made, or none.
    pub fn at(database_url: impl Into<String>, redis_url: impl Into<String>) -> Self {
        let (database_url, redis_url) = (database_url.into(), redis_url.into());
        Self { database_url, redis_url, database: None }
    }

    pub async fn fresh() -> Self {
        let servers = tokio::task::spawn_blocking(servers).await.expect("the servers start");
        TEMPLATE
            .get_or_init(|| async {
                let url = servers.postgres.url(TEMPLATE_NAME);
                migrations::create_database(&url).await.expect("a template is made");
                migrations::run(&url).await.expect("the migrations run");
            })
            .await;
        let number = NEXT.fetch_add(1, Ordering::SeqCst);
        let name = format!("test_{number}");
        let admin = connect(&servers.postgres.url("postgres")).await;
        let ended = std::mem::take(&mut *unused());
        for name in ended {
            let statement = format!("DROP DATABASE {name} WITH (FORCE)");
            admin.batch_execute(&statement).await.expect("a database is dropped");
        }
        // Strategy wal_log copies a small template without a checkpoint.
        let statement = format!("CREATE DATABASE {name} TEMPLATE {TEMPLATE_NAME} STRATEGY wal_log");
        admin.batch_execute(&statement).await.expect("a database is copied");
        Self {
            database_url: servers.postgres.url(&name),
            redis_url: servers.redis.url(number),
            database: Some(Arc::new(Database(name))),
        }
    }
}

/// The address of a database without tables, which no other test uses.
///
/// # Panics
/// If it cannot be made.
pub async fn empty_database() -> String {
    static NEXT: AtomicU16 = AtomicU16::new(1);
    let servers = tokio::task::spawn_blocking(servers).await.expect("the servers start");
    let url = servers.postgres.url(&format!("empty_{}", NEXT.fetch_add(1, Ordering::SeqCst)));
    migrations::create_database(&url).await.expect("a database");
    url
}

/// A Redis that no other test uses, beside a fresh database.
///
/// # Panics
/// If it does not start.
pub async fn own_redis(options: Options) -> (Redis, Stores) {
    let start = move || Redis::start(&options).expect("Redis starts");
    let redis = tokio::task::spawn_blocking(start).await.expect("Redis starts");
    let stores = Stores { redis_url: redis.url(0), ..Stores::fresh().await };
    (redis, stores)
}

/// A Postgres that no other test uses, with a migrated database, beside a fresh Redis database.
pub async fn own_postgres(options: Options) -> Result<(Postgres, Stores), StoreError> {
    let start = move || Postgres::start(&options);
    let postgres = tokio::task::spawn_blocking(start).await.expect("a start ends")?;
    let database_url = postgres.url("auth");
    migrations::create_database(&database_url).await.expect("a database");
    migrations::run(&database_url).await.expect("the migrations run");
    Ok((postgres, Stores { database_url, ..Stores::fresh().await }))
}

/// A program that came with the Postgres of this process, or one on PATH.
#[must_use]
pub fn postgres_program(name: &str) -> Option<PathBuf> {
    servers().postgres.program(name)
}

/// CPU time that a server has used so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct ServerCpu {
    /// Of all processes of Postgres, those that have ended included.
    pub postgres: Duration,
    /// Of open connections alone: without autovacuum, checkpoints and the WAL writer.
    pub connections: Duration,
    pub redis: Duration,
}

/// What the servers of this process have used, where the system has /proc.
#[must_use]
pub fn server_cpu() -> ServerCpu {
    let Servers { postgres, redis } = servers();
    // Both servers work in the first thread of each process.
    let of = |pid: u32| cpu_time(Path::new(&format!("/proc/{pid}")));
    // Postgres writes what a process does into its title: of a connection, the client's address.
    let is_connection = |pid: u32| {
        let title = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&title).contains(" 127.0.0.1(")
    };
    let mut cpu = ServerCpu {
        postgres: ended_children_cpu(postgres.pid()).unwrap_or_default(),
        connections: Duration::ZERO,
        redis: of(redis.pid()).unwrap_or_default(),
    };
    for (pid, used) in postgres.processes().into_iter().filter_map(|pid| Some((pid, of(pid)?))) {
        cpu.postgres += used;
        if is_connection(pid) {
            cpu.connections += used;
        }
    }
    cpu
}

/// CPU time of the children of a process that have ended, in hundredths of a second.
fn ended_children_cpu(pid: u32) -> Option<Duration> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name is in brackets and may hold anything. Fields 16 and 17 of the line.
    let mut fields = text.rsplit_once(')')?.1.split_whitespace().skip(13);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    Some(Duration::from_millis(10 * (ticks()? + ticks()?)))
}

/// A connection for looking at, or meddling with, a database.
pub async fn connect(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("a connection");
    tokio::spawn(connection);
    client
}
