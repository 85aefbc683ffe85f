//! The functions as Lambda runs them, each in a process of its own behind a Runtime API: with one event at a
//! time, and with several as on a Managed Instance; beside them one process with all functions.

mod gateway;
pub mod programs;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use tests::stores::Stores;

use crate::arguments::{Arguments, CONNECTIONS};
use crate::directory::Directory;
use crate::figures::{Samples, latency_of, median_of};
use crate::load::Load;
use crate::medians::OPERATIONS;
use crate::operations;
use crate::server::{Server, variables};
use programs::Functions;

/// One way to run the service.
struct Way {
    server: Server,
    connections: usize,
    samples: Samples,
}

impl Way {
    fn new(server: Server, connections: usize) -> Self {
        Self { server, connections, samples: Samples::new() }
    }

    fn cpu(&self, name: &str) -> f64 {
        median_of(&self.samples, name, |sample| sample.cpu)
    }

    fn duration(&self, name: &str, percent: usize) -> f64 {
        latency_of(&self.samples, name, percent)
    }
}

pub async fn run(folder: &Path, arguments: &Arguments) {
    let stores = Stores::fresh().await;
    let variables = variables(&stores);
    let [many, one] = CONNECTIONS;
    let lambda = Functions::start(folder, &variables, one).await;
    let managed = Functions::start(folder, &variables, many).await;
    let mut ways = [
        Way::new(Server::of(lambda), one),
        Way::new(Server::of(managed), many),
        Way::new(Server::start(&variables), many),
    ];
    let mut numbers = 0..;
    let mut load = Load::connect(ways[2].server.port, many).await;
    let directory = Directory::open(&stores.database_url, &mut load, &mut numbers).await;
    for round in 0..=arguments.rounds {
        eprintln!("functions: round {round} of {}", arguments.rounds);
        for Way { server, connections, samples } in &mut ways {
            // The gateway has closed connections that were idle for so long.
            let mut load = Load::connect(server.port, *connections).await;
            let (load, accounts) = (&mut load, arguments.accounts);
            let mut asked = operations::round(server, load, &mut numbers, accounts).await;
            asked.extend(directory.round(server, load, &mut numbers, accounts).await);
            // The first round fills caches and connects.
            for (name, sample) in asked.into_iter().filter(|_| round > 0) {
                samples.entry(name).or_default().push(sample);
            }
        }
    }
    let text = render(arguments, &ways);
    println!("{text}");
    if arguments.write {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/functions.md");
        fs::write(file, text).expect("docs/functions.md can be written");
    }
}

fn render(arguments: &Arguments, [lambda, managed, process]: &[Way; 3]) -> String {
    let mut text = format!(
        "# The functions as Lambda runs them\n\n\
         `cargo run --release -p tests --bin bench -- --write functions FOLDER` (tests/bench) writes this page. \
         The folder has the programs of `cargo lambda build --release --features aws` for this machine. Each \
         function is a process of its own behind a Runtime API on loopback: with one event at a time as in a \
         Lambda, and with {} as on a Managed Instance. Beside them, one process serves all functions to {} \
         connections. The stores share the machine and do not wait for the disk. Numbers are medians of {} \
         rounds of {} accounts.\n\n\
         The duration is what Lambda bills: from handing out the event to its answer, on a whole core. It holds \
         the round trips to stores on this machine, and none to a provider of messages.\n\n\
         ## Requests\n\n\
         | operation | Lambda: duration, ms | p99, ms | CPU, µs | Managed Instance: CPU, µs | duration, ms | one process: CPU, µs |\n\
         |---|--:|--:|--:|--:|--:|--:|\n",
        CONNECTIONS[0], CONNECTIONS[0], arguments.rounds, arguments.accounts,
    );
    for operation in OPERATIONS.iter().filter(|o| lambda.samples.contains_key(o.name)) {
        // Its durations are those of three requests.
        if operation.name == "sign_up" {
            continue;
        }
        let name = operation.name;
        let written = writeln!(
            text,
            "| {} | {:.2} | {:.2} | {:.0} | {:.0} | {:.2} | {:.0} |",
            operation.title,
            lambda.duration(name, 50),
            lambda.duration(name, 99),
            lambda.cpu(name),
            managed.cpu(name),
            managed.duration(name, 50),
            process.cpu(name),
        );
        written.expect("a string takes everything");
    }
    text.push_str(
        "\n## Memory\n\nWhat each process held at most, in MB.\n\n| process | Lambda | Managed Instance |\n|---|--:|--:|\n",
    );
    let mb = |kilobytes: Option<u64>| {
        kilobytes.map_or_else(|| "-".to_owned(), |kilobytes| kilobytes.div_ceil(1024).to_string())
    };
    for ((name, one), (_, many)) in
        lambda.server.peak_memory().into_iter().zip(managed.server.peak_memory())
    {
        let written = writeln!(text, "| `{name}` | {} | {} |", mb(one), mb(many));
        written.expect("a string takes everything");
    }
    let written =
        writeln!(text, "\nThe one process: {} MB.", mb(process.server.usage().peak_memory));
    written.expect("a string takes everything");
    text
}
