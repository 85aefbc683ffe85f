//! Long runs against a service in another process: `cargo soak`.
//!
//! 1. Kills: the service is killed at random moments while apps use it, and started again.
//! 2. Traffic: mixed traffic at 70 % of capacity with outages of the stores in between.
//!
//! After both, the invariants of both stores hold ([`tests::invariants`]).

use clap::{Parser, Subcommand};
use std::time::Duration;
use tests::soak::{self, Report};
use tests::stores::Stores;

/// Kills the service at random moments, then runs traffic with outages.
#[derive(Parser)]
#[command(name = "soak")]
struct Arguments {
    /// How often the service is killed.
    #[arg(long, default_value_t = 1000)]
    kills: usize,
    /// Minutes of traffic.
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    #[command(subcommand)]
    child: Option<Child>,
}

/// What the program starts itself as.
#[derive(Subcommand)]
enum Child {
    #[command(hide = true)]
    Serve,
}

fn main() {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    if matches!(arguments.child, Some(Child::Serve)) {
        return runtime.block_on(soak::serve());
    }
    let program = std::env::current_exe().expect("a program has a name");
    let wrong = runtime.block_on(async {
        let stores = Stores::fresh().await;
        println!("soak: {} kills", arguments.kills);
        let mut report = soak::kills(&program, &stores, arguments.kills).await;
        print("kills", &report);
        let mut wrong = report.is_wrong();
        let stores = Stores::fresh().await;
        println!("soak: {} minutes of traffic", arguments.minutes);
        report =
            soak::traffic(&program, &stores, Duration::from_secs(arguments.minutes * 60)).await;
        print("traffic", &report);
        wrong |= report.is_wrong();
        wrong
    });
    std::process::exit(i32::from(wrong));
}

fn print(name: &str, report: &Report) {
    for line in &report.figures {
        println!("{name}: {line}");
    }
    for violation in &report.violations {
        println!("{name}: VIOLATION: {violation}");
    }
}
