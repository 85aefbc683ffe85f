//! What each operation costs, beside its floor: `cargo run --release -p tests --bin bench`.
//!
//! The service runs in a child process, so that its CPU time and memory are told apart
//! from those of the load: all functions' routers behind the local gateway, on one thread
//! as in a Lambda, over a Postgres and a Redis that the bench starts itself. Eight
//! keep-alive connections ask, then one. Wall time says more about what else the machine
//! does than about the service: compare CPU time, and within one run.
//!
//! | file | what it is |
//! |---|---|
//! | [`arguments`] | the command line |
//! | [`scale`] | millions of accounts beside an empty database: `bench scale` |
//! | [`enumeration`] | whether the time of an answer tells who has an account: `bench enumeration` |
//! | [`server`] | the child that serves, and how it is asked what it used |
//! | [`functions`] | the functions as Lambda runs them: `bench functions FOLDER` |
//! | [`load`] | the connections that ask |
//! | [`operations`] | what is asked: an account's way from its first code to its logout |
//! | [`directory`] | and of the key directory: bundles, uploads |
//! | [`psql`] | the statement behind a bundle, in plain psql |
//! | [`pgbench`] | bare statements in pgbench |
//! | [`floors`] | bare cryptography, and the service's own steps without HTTP |
//! | [`trips`] | round trips to each store, counted in this process |
//! | [`start`] | cold starts: a child for each |
//! | [`figures`] | times and their medians |
//! | [`medians`] | the medians of all rounds, each operation beside its floor |
//! | [`table`] | all of it as Markdown |

mod arguments;
mod directory;
mod enumeration;
mod figures;
mod floors;
mod functions;
mod load;
mod medians;
mod operations;
mod pgbench;
mod psql;
mod scale;
mod server;
mod start;
mod table;
mod trips;

use clap::Parser as _;
use tests::stores::Stores;

use arguments::{Arguments, CONNECTIONS, Child};
use directory::Directory;
use figures::Samples;
use load::Load;
use pgbench::Pgbench;
use psql::Psql;
use server::{Server, variables};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments = Arguments::parse();
    match &arguments.child {
        Some(Child::Serve) => server::serve().await,
        Some(Child::Start { function }) => start::start(function).await,
        Some(Child::Scale { filled }) => {
            scale::run(*filled, arguments.rounds, arguments.accounts, arguments.write).await;
        }
        Some(Child::Functions { folder }) => functions::run(folder, &arguments).await,
        Some(Child::Enumeration { samples }) => enumeration::run(*samples).await,
        None => bench(&arguments).await,
    }
}

async fn bench(arguments: &Arguments) {
    let stores = Stores::fresh().await;
    let variables = variables(&stores);

    let mut samples = CONNECTIONS.map(|_| Samples::new());
    let server = Server::start(&variables);
    let quiet = server.usage();
    let floors = floors::Floors::new(&variables).await;
    let mut numbers = 0..;
    let mut loads = Vec::new();
    for connections in CONNECTIONS {
        loads.push(Load::connect(server.port, connections).await);
    }
    let accounts = arguments.accounts;
    let directory = Directory::open(&stores.database_url, &mut loads[0], &mut numbers).await;
    let psql = Psql::find(&stores.database_url).await;
    let pgbench = Pgbench::find(&stores.database_url);
    for round in 0..=arguments.rounds {
        eprintln!("bench: round {round} of {}", arguments.rounds);
        let mut bare = floors.round().await;
        bare.extend(pgbench.round());
        directory.stock(accounts).await;
        bare.extend(psql.round(&directory, accounts / 2).await);
        for (samples, load) in samples.iter_mut().zip(&mut loads) {
            let mut asked = operations::round(&server, load, &mut numbers, accounts).await;
            asked.extend(directory.round(&server, load, &mut numbers, accounts).await);
            // The first round fills caches and connects.
            for (name, sample) in asked.into_iter().chain(bare.clone()).filter(|_| round > 0) {
                samples.entry(name).or_default().push(sample);
            }
        }
    }
    let busy = server.usage();
    drop((loads, server));

    eprintln!("bench: round trips");
    let trips = trips::both().await;
    eprintln!("bench: cold starts");
    let starts = start::measure(&variables, arguments.starts);

    let memory = (quiet.peak_memory, busy.peak_memory);
    let text = table::render(arguments, &samples, &trips, &starts, memory, psql.name());
    println!("{text}");
    if arguments.write {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/bench.md");
        std::fs::write(file, text).expect("docs/bench.md can be written");
    }
}
