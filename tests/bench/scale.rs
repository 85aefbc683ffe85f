//! Each operation over a database with millions of accounts, beside an empty one: `bench scale`.
//!
//! Both databases are on one server, and their rounds take turns, so that what else the machine
//! does falls on both. Then the sizes of tables and of entries in Redis, from which docs/scale.md
//! calculates.

mod report;

use std::time::Instant;
use tests::stores::{Stores, connect};

use crate::arguments::CONNECTIONS;
use crate::directory::Directory;
use crate::figures::Samples;
use crate::load::Load;
use crate::operations;
use crate::server::{Server, variables};
use report::{Report, Table};

const FILL: &str = include_str!("scale/fill.sql");
/// Accounts that are written by one transaction.
const BATCH: u32 = 100_000;
/// Enough for the filled database's indexes, as a server of its own would have.
const SETTINGS: [&str; 4] = ["-c", "shared_buffers=2GB", "-c", "max_wal_size=8GB"];

/// A database with its service.
struct Side {
    stores: Stores,
    server: Server,
    load: Load,
    directory: Directory,
    samples: Samples,
}

impl Side {
    async fn start(numbers: &mut (impl Iterator<Item = u32> + Send)) -> Self {
        let stores = Stores::fresh().await;
        let server = Server::start(&variables(&stores));
        let mut load = Load::connect(server.port, CONNECTIONS[0]).await;
        let directory = Directory::open(&stores.database_url, &mut load, numbers).await;
        Self { stores, server, load, directory, samples: Samples::new() }
    }

    async fn round(&mut self, numbers: &mut (impl Iterator<Item = u32> + Send), accounts: usize) {
        let Self { server, load, directory, samples, .. } = self;
        let mut measured = operations::round(server, load, numbers, accounts).await;
        measured.extend(directory.round(server, load, numbers, accounts).await);
        for (name, sample) in measured {
            samples.entry(name).or_default().push(sample);
        }
    }
}

pub async fn run(filled: u32, rounds: usize, accounts: usize, write: bool) {
    let start = || tests::stores::start_with(&SETTINGS);
    tokio::task::spawn_blocking(start).await.expect("the servers start");
    let mut numbers = 0..;
    let mut empty = Side::start(&mut numbers).await;
    let mut full = Side::start(&mut numbers).await;
    fill(&full.stores, filled).await;
    let (tables, pages) = (tables(&full.stores).await, pages(&full.stores).await);
    for side in [&mut empty, &mut full] {
        // The gateway has closed connections that were idle for so long.
        side.load = Load::connect(side.server.port, CONNECTIONS[0]).await;
    }
    for round in 0..=rounds {
        eprintln!("scale: round {round} of {rounds}");
        for side in [&mut empty, &mut full] {
            side.round(&mut numbers, accounts).await;
            if round == 0 {
                // It filled caches.
                side.samples.clear();
            }
        }
    }
    let redis = report::redis_entries(&full.stores).await;
    let report = Report {
        accounts: filled,
        empty: &empty.samples,
        full: &full.samples,
        tables: &tables,
        pages,
        redis: &redis,
    };
    let text = report.render();
    println!("{text}");
    if write {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/scale.md");
        std::fs::write(file, text).expect("docs/scale.md can be written");
    }
}

async fn fill(stores: &Stores, accounts: u32) {
    let (client, began) = (connect(&stores.database_url).await, Instant::now());
    let mut first = 0;
    while first < accounts {
        let last = accounts.min(first + BATCH);
        let sql =
            FILL.replace("$first", &first.to_string()).replace("$last", &(last - 1).to_string());
        client.batch_execute(&sql).await.expect("accounts are written");
        first = last;
        eprintln!("scale: {first} accounts after {} s", began.elapsed().as_secs());
    }
    client.batch_execute("VACUUM (ANALYZE)").await.expect("statistics");
    client.batch_execute("CHECKPOINT").await.expect("a checkpoint");
}

async fn tables(stores: &Stores) -> Vec<Table> {
    let client = connect(&stores.database_url).await;
    let sizes = "SELECT relname::text, reltuples::float8, pg_total_relation_size(oid)::float8
                   FROM pg_class WHERE relnamespace = 'auth'::regnamespace AND relkind = 'r'
                  ORDER BY 3 DESC";
    let rows = client.query(sizes, &[]).await.expect("sizes");
    let table = |row: &tokio_postgres::Row| Table {
        name: row.get(0),
        rows: row.get::<_, f64>(1).max(0.0),
        bytes: row.get(2),
    };
    rows.iter().map(table).collect()
}

/// Pages of EC keys, and of Kyber keys.
async fn pages(stores: &Stores) -> [f64; 2] {
    let count = "SELECT count(*) FILTER (WHERE kind = 1)::float8,
                        count(*) FILTER (WHERE kind = 2)::float8 FROM auth.prekey_pages";
    let client = connect(&stores.database_url).await;
    let row = client.query_one(count, &[]).await.expect("a count");
    [row.get(0), row.get(1)]
}
