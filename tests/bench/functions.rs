//! The functions as Lambda runs them, each in a process of its own behind a Runtime API: with one event at a
//! time, and with several as on a Managed Instance; beside them one process with all functions.

mod runtime_api;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tests::process::kilobytes;
use tests::stores::Stores;
use tokio::net::TcpListener;

use crate::arguments::{Arguments, CONNECTIONS};
use crate::directory::Directory;
use crate::figures::{Samples, median_of, percentile};
use crate::load::Load;
use crate::medians::OPERATIONS;
use crate::operations;
use crate::server::{Server, Usage, variables};
use runtime_api::{RuntimeApi, gateway};

/// The functions that are asked, and their memory in template.yaml is that of all functions of the API.
const ASKED: [&str; 5] = ["verify", "login", "tokens", "prekeys", "platform"];

/// The programs of functions, running.
pub struct Functions {
    pub port: u16,
    programs: Vec<(&'static str, Arc<RuntimeApi>, Child)>,
}

impl Functions {
    /// Starts them; each takes so many events at a time.
    async fn start(folder: &Path, variables: &HashMap<String, String>, concurrency: usize) -> Self {
        let mut programs = Vec::new();
        for name in ASKED {
            let api = RuntimeApi::new();
            let port = listen(api.router()).await;
            let mut command = Command::new(program(folder, name));
            command
                .env_clear()
                .envs(variables)
                .env("AWS_LAMBDA_RUNTIME_API", format!("127.0.0.1:{port}"))
                .env("AWS_REGION", "eu-west-1")
                .env("AWS_LAMBDA_FUNCTION_NAME", name)
                .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
                .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
                .env("AWS_LAMBDA_LOG_GROUP_NAME", name)
                .env("AWS_LAMBDA_LOG_STREAM_NAME", name)
                .stdin(Stdio::null())
                .stdout(Stdio::null());
            if concurrency > 1 {
                let concurrency = concurrency.to_string();
                command.env("AWS_LAMBDA_MAX_CONCURRENCY", &concurrency);
                command.env("DATABASE_POOL", concurrency);
            }
            programs.push((name, api, command.spawn().expect("the function starts")));
        }
        let apis = programs.iter().map(|(name, api, _)| (*name, api.clone())).collect();
        Self { port: listen(gateway(&apis)).await, programs }
    }

    /// What all of them have used. A thread that has ended is not counted.
    pub fn usage(&self) -> Usage {
        let cpu = self.programs.iter().map(|(_, _, child)| cpu(child.id())).sum();
        Usage { cpu, peak_memory: None }
    }

    pub fn take_durations(&self) -> Vec<Duration> {
        self.programs.iter().flat_map(|(_, api, _)| api.take_durations()).collect()
    }

    /// Kilobytes that each has held at most.
    pub fn peak_memory(&self) -> Vec<(&'static str, Option<u64>)> {
        let peak = |child: &Child| kilobytes(&child.id().to_string(), "VmHWM");
        self.programs.iter().map(|(name, _, child)| (*name, peak(child))).collect()
    }
}

impl Drop for Functions {
    fn drop(&mut self) {
        for (_, _, child) in &mut self.programs {
            // One that has ended by itself needs no signal.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

async fn listen(router: axum::Router) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let peer = local::service::set_client_connection;
    tokio::spawn(local::gateway::serve(listener, router, peer, std::future::pending()));
    port
}

fn program(folder: &Path, name: &str) -> PathBuf {
    let inside = folder.join(name).join("bootstrap");
    if inside.is_file() { inside } else { folder.join(name) }
}

/// CPU time of a process: Linux counts it in nanoseconds for each thread.
fn cpu(process: u32) -> Duration {
    let threads = fs::read_dir(format!("/proc/{process}/task")).expect("a running process");
    let times = threads.flatten().filter_map(|thread| {
        let line = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        line.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(times.sum())
}

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
        let all = self.samples.get(name).into_iter().flatten().flat_map(|s| &s.latencies);
        percentile(all.map(|duration| duration.as_secs_f64() * 1e3), percent)
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
