//! What each operation costs Postgres, as far as it does not depend on the machine: plans,
//! pages touched, rows, and bytes of WAL, beside the committed figures. `UPDATE_SNAPSHOTS=1`
//! writes them anew. Needs `pg_stat_statements`, which comes with most packages of Postgres.

use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::PathBuf;
use stores::{Options, Postgres};
use tests::stores::{connect, own_postgres};
use tests::{Client, Keys, Service, Session};

/// How often each operation is measured, after as many that warm up.
const TIMES: usize = 10;
/// A figure may exceed the committed one by a quarter, and by so much where it is small.
const SLACK: [u64; 4] = [0, 4, 0, 300];
/// The columns of the file.
const COLUMNS: [&str; 4] = ["plans", "pages", "rows", "WAL bytes"];

/// Medians would hide a plan: these are means, rounded.
type Costs = [u64; 4];

struct Bench {
    service: Service,
    database: tokio_postgres::Client,
    lines: Vec<(String, Costs)>,
}

impl Bench {
    /// Runs the operation for each input: half of them warm up.
    async fn measure<T>(&mut self, name: &str, inputs: Vec<T>, run: impl AsyncFn(&Client, T)) {
        assert_eq!(inputs.len(), 2 * TIMES);
        let client = self.service.client();
        for (n, input) in inputs.into_iter().enumerate() {
            if n == TIMES {
                self.database.batch_execute("SELECT pg_stat_statements_reset()").await.unwrap();
            }
            run(&client, input).await;
        }
        let sums = "SELECT coalesce(sum(plans), 0)::int8,
                           coalesce(sum(shared_blks_hit + shared_blks_read), 0)::int8,
                           coalesce(sum(rows), 0)::int8, coalesce(sum(wal_bytes), 0)::int8
                      FROM pg_stat_statements WHERE query NOT LIKE '%pg_stat_statements%'";
        let row = self.database.query_one(sums, &[]).await.unwrap();
        let times = u64::try_from(TIMES).unwrap();
        let mean = |column| u64::try_from(row.get::<_, i64>(column)).unwrap();
        let plans = mean(0); // one in ten requests would be one too many
        let costs = [plans, mean(1).div_ceil(times), mean(2).div_ceil(times), mean(3) / times];
        self.lines.push((name.to_owned(), costs));
    }
}

fn file() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots/costs.md"))
}

async fn start() -> Option<(Postgres, Bench)> {
    let options = Options::ephemeral().arguments([
        "-c",
        "shared_preload_libraries=pg_stat_statements",
        "-c",
        "pg_stat_statements.track_planning=on",
        // Its own work would be counted at random moments.
        "-c",
        "autovacuum=off",
    ]);
    let (postgres, stores) = own_postgres(options).await.ok()?;
    let database = connect(&stores.database_url).await;
    database.batch_execute("CREATE EXTENSION pg_stat_statements").await.ok()?;
    let variables = [("RATE_LIMITS", "off"), ("DATABASE_POOL", "1")];
    let service = Service::over(stores, &variables).await;
    Some((postgres, Bench { service, database, lines: Vec::new() }))
}

fn phone(n: usize) -> String {
    format!("+336{n:08}")
}

async fn verifications(service: &Service, purpose: &str, first: usize) -> Vec<Value> {
    let mut bodies = Vec::new();
    for n in 0..2 * TIMES {
        let id = service.client().verified(purpose, &phone(first + n)).await;
        bodies.push(json!({ "verificationId": id, "deviceId": "phone-1" }));
    }
    bodies
}

/// Each account has six devices with keys; gives the sessions of the first.
async fn accounts(service: &Service, first: usize) -> Vec<(Session, Keys)> {
    let client = service.client();
    let mut sessions = Vec::new();
    for n in 0..2 * TIMES {
        let keys = Keys::new();
        let session = client.sign_up_with(&phone(first + n), keys.bundle(1..101, 1..31)).await;
        for device in 0..5 {
            let device = format!("device-{device}");
            let bundle = Keys::new().bundle(1..101, 1..31);
            let _ = client.log_in_with(&phone(first + n), &device, bundle).await;
        }
        sessions.push((session, keys));
    }
    sessions
}

async fn measure_all(bench: &mut Bench) {
    let service = bench.service.clone();
    let bodies = verifications(&service, "register", 0).await;
    let register = async |client: &Client, body| {
        let _ = client.post("/auth/v1/register", body).await.expect(201);
    };
    bench.measure("register", bodies, register).await;
    let bodies = verifications(&service, "register", 100).await.into_iter().map(|mut body| {
        body["signalKeyBundle"] = Keys::new().bundle(1..101, 1..2);
        body
    });
    bench.measure("register with 100 EC keys", bodies.collect(), register).await;
    let bodies = verifications(&service, "login", 0).await;
    bench
        .measure("login on the same device", bodies, async |client, body| {
            let _ = client.post("/auth/v1/login", body).await.expect(200);
        })
        .await;

    let accounts = accounts(&service, 200).await;
    let tokens = accounts.iter().map(|(session, _)| session.refresh.clone()).collect();
    bench
        .measure("refresh", tokens, async |client, token: String| {
            let _ = client.refresh(&token).await.expect(200);
        })
        .await;
    let caller = accounts[0].0.access.clone();
    let read = async |client: &Client, path: String| {
        let _ = client.clone().bearer(&caller).get(&path).await.expect(200);
    };
    let paths = |suffix: fn(&Session) -> String| {
        accounts.iter().map(move |(session, _)| format!("/auth/v1/signal/keys/{}", suffix(session)))
    };
    let devices = paths(|session| format!("{}/devices", session.user)).collect();
    bench.measure("list of six devices", devices, read).await;
    // One account's keys are the caller's own.
    let one = paths(|session| format!("{}/devices/{}", session.user, session.device)).collect();
    bench.measure("bundle of one device", one, read).await;
    let six = paths(|session| format!("{}/bundles", session.user)).collect();
    bench.measure("bundles of six devices", six, read).await;
    let uploads = |part: &'static str, path: &'static str, first: i64| {
        let uploads = accounts.iter().map(move |(session, keys)| {
            let bundle = keys.bundle(first..first + 100, first..first + 100);
            (session.access.clone(), path, json!({ part: bundle[part] }))
        });
        uploads.collect::<Vec<_>>()
    };
    let upload = async |client: &Client, (access, path, body): (String, &str, Value)| {
        let _ = client.clone().bearer(&access).post(path, body).await.expect(201);
    };
    let bodies = uploads("preKeys", "/auth/v1/signal/keys/prekeys", 201);
    bench.measure("upload of 100 EC keys", bodies, upload).await;
    let bodies = uploads("kyberPreKeys", "/auth/v1/signal/keys/kyber-prekeys", 201);
    bench.measure("upload of 100 Kyber keys", bodies, upload).await;
    let tokens = accounts.iter().map(|(session, _)| session.access.clone()).collect();
    bench
        .measure("logout", tokens, async |client, access: String| {
            let client = client.clone().bearer(&access);
            let _ = client.post("/auth/v1/logout", json!({})).await.expect(204);
        })
        .await;
}

fn render(lines: &[(String, Costs)]) -> String {
    let mut text = format!(
        "# What an operation costs Postgres\n\nMeasured by `tests/it/costs.rs`: plans of {TIMES} \
         requests, then for one request pages touched, rows and bytes of WAL.\n\n| operation |"
    );
    for column in COLUMNS {
        let _ = write!(text, " {column} |");
    }
    text.push_str("\n|---|--:|--:|--:|--:|\n");
    for (name, costs) in lines {
        let _ = write!(text, "| {name} |");
        for cost in costs {
            let _ = write!(text, " {cost} |");
        }
        text.push('\n');
    }
    text
}

fn parse(text: &str) -> Vec<(String, Costs)> {
    let lines = text.lines().filter(|line| line.starts_with("| ") && !line.contains("operation"));
    let cells = lines.map(|line| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let cost = |n: usize| cells[n + 2].parse().expect("a number");
        (cells[1].to_owned(), [cost(0), cost(1), cost(2), cost(3)])
    });
    cells.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_operation_costs_postgres_more_than_it_did() {
    let Some((_postgres, mut bench)) = start().await else {
        eprintln!("skipped: this Postgres has no pg_stat_statements");
        return;
    };
    measure_all(&mut bench).await;
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(file(), render(&bench.lines)).unwrap();
    }
    let committed = parse(&std::fs::read_to_string(file()).expect("tests/snapshots/costs.md"));
    let mut worse = Vec::new();
    assert_eq!(committed.len(), bench.lines.len());
    for ((name, costs), (listed, allowed)) in bench.lines.iter().zip(&committed) {
        assert_eq!(name, listed);
        for (n, column) in COLUMNS.into_iter().enumerate() {
            let most = if n == 0 { allowed[n] } else { allowed[n] * 5 / 4 + SLACK[n] };
            if costs[n] > most {
                worse.push(format!("{name}: {} {column}, committed {}", costs[n], allowed[n]));
            }
        }
    }
    assert!(worse.is_empty(), "{worse:#?}\nUPDATE_SNAPSHOTS=1 writes the figures anew");
    for (name, costs) in &bench.lines {
        assert_eq!(costs[0], 0, "{name} is planned on a warm connection");
    }
}
