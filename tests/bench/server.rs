//! The service in a process of its own, and how it is asked what it used.

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use local::service::ServiceState;
use secrecy::ExposeSecret as _;
use shared::clock::Clock;
use shared::config::CoreConfig;
use shared::http::extract::Caller;
use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;
use tests::process::{self, Process};
use tests::stores::Stores;
use tokio_postgres::types::Type;

use crate::arguments::CONNECTIONS;
use crate::figures::process_cpu;
use crate::functions::programs::Functions;

/// Rows that the bare UPDATE turns to, one after the other: none is waited for.
const ROWS: i32 = 1000;

/// What a process has used so far.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    pub cpu: Duration,
    /// In kilobytes, where the system tells it.
    pub peak_memory: Option<u64>,
}

/// What is asked.
pub struct Server {
    pub port: u16,
    kind: Kind,
}

enum Kind {
    /// All functions in one process: the child. One question at a time, as the bench is one thread.
    Process(RefCell<Process>),
    /// A process for each function, as in Lambda.
    Functions(Functions),
}

impl Server {
    pub fn start(variables: &HashMap<String, String>) -> Self {
        let program = std::env::current_exe().expect("a program has a name");
        let process = Process::start(&program, variables);
        Self { port: process.port, kind: Kind::Process(process.into()) }
    }

    pub fn of(functions: Functions) -> Self {
        Self { port: functions.port, kind: Kind::Functions(functions) }
    }

    pub fn usage(&self) -> Usage {
        let process = match &self.kind {
            Kind::Process(process) => process,
            Kind::Functions(functions) => {
                return Usage { cpu: functions.cpu(), peak_memory: None };
            }
        };
        let line = process.borrow_mut().ask();
        let (cpu, memory) = line.split_once(' ').expect("two figures");
        let cpu = Duration::from_nanos(cpu.parse().expect("nanoseconds"));
        Usage { cpu, peak_memory: memory.parse().ok() }
    }

    /// Whether it has the handlers of the bench beside those of the service.
    pub fn has_bench_routes(&self) -> bool {
        matches!(self.kind, Kind::Process(_))
    }

    /// Kilobytes that each function has held at most.
    pub fn peak_memory(&self) -> Vec<(&'static str, Option<u64>)> {
        match &self.kind {
            Kind::Process(_) => Vec::new(),
            Kind::Functions(functions) => functions.peak_memory(),
        }
    }

    /// How long each request took, as the server tells it; the last call's are forgotten.
    pub fn take_durations(&self) -> Option<Vec<Duration>> {
        match &self.kind {
            Kind::Process(_) => None,
            Kind::Functions(functions) => Some(functions.take_durations()),
        }
    }
}

/// The environment of the child.
pub fn variables(stores: &Stores) -> HashMap<String, String> {
    let more = [("SMS_SENDER", "inbox"), ("ONE_TIME_KEYS_BURST", "1000000")];
    process::variables(&stores.database_url, &stores.redis_url, &more)
}

/// The child: serves until its stdin ends, and answers each line with what it has used.
pub async fn serve() {
    // Lines are made and written as ever, but nobody keeps them.
    local::service::log_to(File::create("/dev/null").expect("somewhere to drop the log"));
    let lookup = local::service::lookup(&local::instance::Variables::new());
    let state = ServiceState::read(lookup, Clock::System).await.expect("a configuration");
    let bare = Bare::connect(&state.core.config).await;
    let access = Router::new().route("/bench/access", get(check_access));
    let access = access.with_state(state.prekeys.clone());
    let core = state.core.clone();
    let router =
        local::service::router(state).merge(shared::http::serve(access, core)).merge(bare.router());
    process::serve(router, || {
        let memory = process::kilobytes("self", "VmHWM");
        let memory = memory.map_or_else(|| "-".to_owned(), |kilobytes| kilobytes.to_string());
        format!("{} {memory}", process_cpu().as_nanos())
    })
    .await;
}

/// The access check, and nothing behind it.
pub async fn check_access(_: Caller) {}

/// Handlers with nothing around them, each doing one thing through the crates that the
/// service uses.
#[derive(Clone)]
struct Bare(Arc<Parts>);

struct Parts {
    postgres: Vec<tokio_postgres::Client>,
    redis: redis::aio::MultiplexedConnection,
    script: redis::Script,
    turn: AtomicI32,
}

impl Bare {
    async fn connect(config: &CoreConfig) -> Self {
        let mut postgres = Vec::new();
        for _ in 0..CONNECTIONS[0] {
            postgres
                .push(tests::stores::connect(config.postgres.address.url().expose_secret()).await);
        }
        let table = format!(
            "CREATE TABLE bench (id int PRIMARY KEY, n int NOT NULL);
             INSERT INTO bench SELECT id, 0 FROM generate_series(0, {ROWS} - 1) AS id"
        );
        postgres[0].batch_execute(&table).await.expect("a table");
        let url = config.redis.url().expect("a single node");
        let client = redis::Client::open(url.expose_secret()).expect("an address");
        let mut redis = client.get_multiplexed_async_connection().await.expect("a connection");
        let script = redis::Script::new("return 1");
        script.load_async(&mut redis).await.expect("a script");
        Self(Arc::new(Parts { postgres, redis, script, turn: AtomicI32::new(0) }))
    }

    fn router(self) -> Router {
        Router::new()
            .route("/bench/hello", get(async || "hello, world"))
            .route("/bench/select", get(select))
            .route("/bench/update", get(update))
            .route("/bench/ping", get(ping))
            .route("/bench/evalsha", get(evalsha))
            .with_state(self)
    }

    fn next(&self) -> (i32, &tokio_postgres::Client) {
        let turn = self.0.turn.fetch_add(1, Ordering::Relaxed);
        let client = usize::try_from(turn).unwrap_or_default() % self.0.postgres.len();
        (turn % ROWS, &self.0.postgres[client])
    }
}

async fn select(State(bare): State<Bare>) -> String {
    let rows = bare.next().1.query_typed("SELECT 1", &[]).await.expect("a row");
    rows.len().to_string()
}

async fn update(State(bare): State<Bare>) -> String {
    let (row, client) = bare.next();
    let update = "UPDATE bench SET n = n + 1 WHERE id = $1 AND n >= 0 RETURNING n";
    let rows = client.query_typed(update, &[(&row, Type::INT4)]).await.expect("a row");
    rows.len().to_string()
}

async fn ping(State(bare): State<Bare>) -> String {
    let mut redis = bare.0.redis.clone();
    redis::cmd("PING").query_async(&mut redis).await.expect("an answer")
}

async fn evalsha(State(bare): State<Bare>) -> String {
    let mut redis = bare.0.redis.clone();
    let mut call = redis::cmd("EVALSHA");
    call.arg(bare.0.script.get_hash()).arg(0);
    let one: i64 = call.query_async(&mut redis).await.expect("an answer");
    one.to_string()
}
