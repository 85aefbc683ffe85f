//! All of it as Markdown, as docs/bench.md keeps it.

mod directory;

use std::collections::HashMap;
use std::fmt::Write as _;

use crate::arguments::{Arguments, CONNECTIONS};
use crate::figures::Samples;
use crate::medians::{Budget, Medians, OPERATIONS, Operation};
use crate::start::{FUNCTIONS, KEYS, PHONE, PROCESS, READY, Step};
use crate::trips::{Counted, Trips};

/// What the first auth-service took, in milliseconds of CPU and megabytes.
const FIRST: [(&str, f64); 5] =
    [("access", 1.4), ("refresh", 2.2), ("otp_request", 54.0), ("sign_up", 115.0), ("bundle", 2.2)];
const FIRST_MEMORY: u32 = 236;

/// The titles of the two tables, as many ask.
const TITLES: [&str; 2] = ["Eight at once", "One at a time, as in a Lambda"];

pub fn render(
    arguments: &Arguments,
    samples: &[Samples; 2],
    trips: &Counted,
    starts: &HashMap<&'static str, Vec<Step>>,
    memory: (Option<u64>, Option<u64>),
    psql: &str,
) -> String {
    let figures = samples.each_ref().map(|samples| Medians { samples, trips });
    let mut text = String::new();
    let written = head(&mut text, arguments)
        .and_then(|()| operations(&mut text, &figures))
        .and_then(|()| self::memory(&mut text, memory))
        .and_then(|()| directory::table(&mut text, &figures, psql))
        .and_then(|()| floors(&mut text, &figures))
        .and_then(|()| budgets(&mut text, &figures, starts))
        .and_then(|()| self::starts(&mut text, starts))
        .and_then(|()| writeln!(text, "\n{}", include_str!("sizes.md").trim_end()));
    written.expect("a string takes everything");
    text
}

fn head(text: &mut String, arguments: &Arguments) -> std::fmt::Result {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let Arguments { rounds, accounts, starts, .. } = arguments;
    writeln!(
        text,
        "# What each operation costs\n\n\
         `cargo run --release -p tests --bin bench -- --write` (tests/bench) writes this page. \
         Measured on {cores} cores, with {}, {} keep-alive connections and then {}. Numbers are \
         medians of {rounds} rounds of {accounts} accounts, and of {starts} starts of each \
         function.\n\n\
         The service runs on one thread of its own process, as in a Lambda, behind the local \
         gateway. The stores do not wait for the disk. They share the machine with the load \
         generator and everything else. So compare CPU time rather than latency, and ratios within \
         one run rather than two runs. Rate limits are off, the sender is the inbox, and each \
         request is logged.\n",
        profile(),
        CONNECTIONS[0],
        CONNECTIONS[1],
    )
}

fn profile() -> String {
    if cfg!(debug_assertions) {
        return "a **debug build, whose figures mean nothing**".to_owned();
    }
    let changed = [
        ("lto", option_env!("CARGO_PROFILE_RELEASE_LTO")),
        ("codegen-units", option_env!("CARGO_PROFILE_RELEASE_CODEGEN_UNITS")),
    ];
    let changed: Vec<String> =
        changed.iter().filter_map(|(name, value)| Some(format!("{name} {}", (*value)?))).collect();
    if changed.is_empty() {
        "the release profile of Cargo.toml (optimised for size, cryptography for speed, fat LTO, \
         one codegen unit)"
            .to_owned()
    } else {
        format!("the release profile **with {}**", changed.join(", "))
    }
}

fn operations(text: &mut String, all: &[Medians<'_>; 2]) -> std::fmt::Result {
    writeln!(
        text,
        "## Operations\n\n\
         CPU is the CPU of the server for one request. The floor is hello world under the same \
         gateway, bare round trips through the same crates, and bare cryptography. Round trips are \
         those of production. A number in brackets is lower because limits are off, as they are \
         here. The last column is the CPU of the first auth-service: Node, 8 connections, a similar \
         machine. It was measured once and not again."
    )?;
    for (title, figures) in TITLES.into_iter().zip(all) {
        writeln!(
            text,
            "\n### {title}\n\n\
             | operation | CPU, µs | floor, µs | ratio | Postgres CPU, µs | Redis CPU, µs | trips to Postgres | to Redis | p50, ms | p99, ms | floor p50, ms | first service, ms |\n\
             |---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
        )?;
        for operation in &OPERATIONS {
            let (cpu, floor) = (figures.cpu(operation.name), figures.floor(operation));
            let (limited, lifted) = figures.trips(operation.name);
            let (postgres, redis) = figures.stores(operation.name);
            let first = FIRST.iter().find(|(name, _)| *name == operation.name);
            let first = first
                .filter(|_| title == TITLES[0])
                .map_or_else(String::new, |(_, ms)| format!("{ms} ({:.0} ×)", ms * 1e3 / cpu));
            writeln!(
                text,
                "| {} | {cpu:.0} | {floor:.0} | {:.2} | {postgres:.0} | {redis:.0} | {} | {} | {:.2} | {:.2} | {:.2} | {first} |",
                operation.title,
                cpu / floor,
                trip(limited.postgres, lifted.postgres),
                trip(limited.redis, lifted.redis),
                figures.latency(operation.name, 50),
                figures.latency(operation.name, 99),
                figures.floor_latency(operation),
            )?;
        }
    }
    writeln!(
        text,
        "\nThe access check is only the check of the bearer token, with no work behind it and a \
         session cache entry in Redis. One Redis round trip of an OTP request is the inbox, in place \
         of a provider. The transactions of register and login begin with their first statement, and \
         their `COMMIT` is a round trip.\n"
    )
}

fn trip(limited: u64, lifted: u64) -> String {
    if limited == lifted { limited.to_string() } else { format!("{limited} ({lifted})") }
}

fn memory(text: &mut String, (quiet, busy): (Option<u64>, Option<u64>)) -> std::fmt::Result {
    let mb = |kilobytes: u64| kilobytes.div_ceil(1024);
    match (quiet, busy) {
        (Some(quiet), Some(busy)) => writeln!(
            text,
            "Peak memory: {} MB before the first request, {} MB after the last; the first \
             auth-service {FIRST_MEMORY} MB.\n",
            mb(quiet),
            mb(busy)
        ),
        _ => writeln!(text, "Peak memory: this system has no /proc that tells it.\n"),
    }
}

fn floors(text: &mut String, [busy, alone]: &[Medians<'_>; 2]) -> std::fmt::Result {
    writeln!(
        text,
        "## Floors and steps\n\n\
         | bare | CPU, µs, eight at once | one at a time |\n|---|--:|--:|"
    )?;
    for (title, name) in [("hello world over HTTP", "hello")]
        .into_iter()
        .chain([("+ `SELECT 1`", "select"), ("+ guarded `UPDATE` of one row", "update")])
        .chain([("+ `PING`", "ping"), ("+ `EVALSHA` of `return 1`", "evalsha")])
    {
        let above = |figures: &Medians<'_>| match name {
            "hello" => figures.cpu(name),
            _ => figures.cpu(name) - figures.cpu("hello"),
        };
        writeln!(text, "| {title} | {:.1} | {:.1} |", above(busy), above(alone))?;
    }
    let (select, update) = (busy.stores("pgbench_select").0, busy.stores("pgbench_update").0);
    if update > 0.0 {
        writeln!(
            text,
            "\nPostgres uses {select:.0} µs of CPU for a `SELECT 1` and {update:.0} µs for a guarded \
             `UPDATE` of one row in pgbench, with prepared statements and {} connections.",
            CONNECTIONS[0]
        )?;
    }
    writeln!(
        text,
        "\n| step of the service, without HTTP | CPU, µs | floor, µs | ratio |\n|---|--:|--:|--:|"
    )?;
    let (verify, sign) = (alone.cpu("verify"), alone.cpu("sign"));
    let ed25519 = alone.cpu("ed25519");
    let inside = verify + alone.cpu("evalsha") - alone.cpu("hello");
    for (title, name, floor) in [
        ("access token verified; floor: one P-256 verify", "verify_access", verify),
        ("refresh token verified", "verify_refresh", verify),
        ("access token signed; floor: one P-256 signature", "sign_access", sign),
        ("refresh token signed", "sign_refresh", sign),
        ("Signal signature checked, of a list of 100; floor: Ed25519", "check", ed25519),
        ("Signal signature checked, alone", "check_fresh", ed25519),
        ("access check in the router; floor: verify and `EVALSHA`", "access_inside", inside),
    ] {
        let cpu = alone.cpu(name);
        writeln!(text, "| {title} | {cpu:.1} | {floor:.1} | {:.2} |", cpu / floor)?;
    }
    writeln!(
        text,
        "| edge and router around nothing, no log | {:.1} | | |",
        alone.cpu("edge_inside")
    )?;
    writeln!(text, "| phone number parsed | {:.1} | | |\n", alone.cpu("parse_phone"))
}

fn budgets(
    text: &mut String,
    all: &[Medians<'_>; 2],
    starts: &HashMap<&'static str, Vec<Step>>,
) -> std::fmt::Result {
    let mut budgets: Vec<Budget> = Vec::new();
    for operation in OPERATIONS.iter().filter(|o| ["access", "refresh"].contains(&o.name)) {
        let beside = |what: &str, without: fn(&Medians<'_>, &Operation) -> f64| {
            let ratio = |figures: &Medians<'_>| {
                let cpu = figures.cpu(operation.name) - without(figures, operation);
                cpu / figures.crypto(operation)
            };
            let title = format!("{}: CPU beside its cryptography{what}", operation.title);
            (title, all.each_ref().map(ratio), 1.5)
        };
        budgets.push(beside(", all of it", |_, _| 0.0));
        budgets.push(beside(", without hello world's HTTP", |f, _| f.cpu("hello")));
        budgets.push(beside(", without HTTP and bare round trips", |f, operation| {
            f.carried(operation, |name| f.cpu(name))
        }));
    }
    for (name, title, most) in [
        ("access", "access check: round trips", 1),
        ("refresh", "refresh: round trips", 2),
        ("otp_request", "OTP request: round trips, sending outside", 3),
        ("otp_confirm", "OTP confirm: round trips", 2),
        ("register", "register: round trips to Postgres, `COMMIT` included", 5),
        ("login", "login: round trips to Postgres, `COMMIT` included", 5),
    ] {
        let (Trips { postgres, redis, .. }, _) = all[0].trips(name);
        let trips = match name {
            "register" | "login" => postgres,
            "otp_request" => postgres + redis - 1,
            _ => postgres + redis,
        };
        #[expect(clippy::cast_precision_loss, reason = "a handful")]
        budgets.push((title.to_owned(), [trips as f64; 2], f64::from(most)));
    }
    budgets.extend(directory::budgets(all));
    for function in &FUNCTIONS[1..] {
        let ratio = cpu_of(starts, function, PROCESS) / cpu_of(starts, FUNCTIONS[0], PROCESS);
        budgets.push((format!("cold start of {function} beside hello world"), [ratio; 2], 1.5));
    }
    writeln!(
        text,
        "## Budgets\n\n\
         These are the budgets of the design. A number that misses its budget is **bold**. The CPU \
         budgets count only cryptography. They leave out that even hello world pays for HTTP, and \
         that a round trip costs the CPU of half a signature to three signatures. So the table shows \
         them with and without these costs. One at a time, everything costs more, the bare \
         operations too. Presumably the process sleeps in between and finds its caches cold. The \
         second round trip of a refresh counts the limit of its session.\n\n\
         | budget | eight at once | one at a time | at most |\n|---|--:|--:|--:|"
    )?;
    for (title, measured, most) in budgets {
        let [busy, alone] = measured.map(|measured| {
            if measured <= most { format!("{measured:.2}") } else { format!("**{measured:.2}**") }
        });
        writeln!(text, "| {title} | {busy} | {alone} | {most} |")?;
    }
    writeln!(text)
}

fn cpu_of(starts: &HashMap<&'static str, Vec<Step>>, function: &str, step: &str) -> f64 {
    let steps = starts.get(function).into_iter().flatten();
    steps.filter(|s| s.name == step).map(|s| s.cpu).next().unwrap_or_default()
}

fn starts(text: &mut String, starts: &HashMap<&'static str, Vec<Step>>) -> std::fmt::Result {
    writeln!(
        text,
        "## Cold starts\n\n\
         Each start is a new process. The table shows CPU in milliseconds (wall time in brackets), \
         from `main` to the first answer of the router of the function. All functions start from \
         this one program, so that the work of the system before `main` is the same. The program of \
         one function is smaller. No store is connected yet.\n\n\
         | step | {} |\n|---|{}",
        FUNCTIONS.join(" | "),
        "--:|".repeat(FUNCTIONS.len())
    )?;
    let names: Vec<&str> =
        starts.get("verify").into_iter().flatten().map(|step| step.name.as_str()).collect();
    for name in names {
        let title = match name {
            READY => "**from `main` to the first answer**",
            PROCESS => "the whole process until then",
            PHONE | KEYS => &format!("({name})"),
            name => name,
        };
        write!(text, "| {title} |")?;
        for function in FUNCTIONS {
            let steps = starts.get(function).into_iter().flatten();
            match steps.filter(|step| step.name == name).map(|s| (s.cpu, s.wall)).next() {
                Some((cpu, wall)) if wall > 0.0 => {
                    write!(text, " {:.2} ({:.2}) |", cpu / 1e3, wall / 1e3)?;
                }
                Some((cpu, _)) => write!(text, " {:.2} |", cpu / 1e3)?,
                None => write!(text, " |")?,
            }
        }
        writeln!(text)?;
    }
    Ok(())
}
