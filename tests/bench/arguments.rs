//! The command line, and how many connections send requests.

use clap::Parser;
use std::path::PathBuf;

/// Connections that ask at the same time: many as of a busy server, one as of a Lambda's
/// sandbox, which never has two requests.
pub const CONNECTIONS: [usize; 2] = [8, 1];

/// Measures every operation beside its floor and prints a table.
#[derive(Parser)]
#[command(name = "bench")]
pub struct Arguments {
    /// Keep the table in docs/bench.md as well.
    #[arg(long)]
    pub write: bool,
    /// How often everything is measured; medians are told. One more round warms up.
    #[arg(long, default_value_t = 7)]
    pub rounds: usize,
    /// Accounts that go their way in each round.
    #[arg(long, default_value_t = 400)]
    pub accounts: usize,
    /// Cold starts of each function.
    #[arg(long, default_value_t = 41)]
    pub starts: usize,
    #[command(subcommand)]
    pub child: Option<Child>,
}

/// What the bench starts itself as, and the other thing that it measures.
#[derive(clap::Subcommand)]
pub enum Child {
    #[command(hide = true)]
    Serve,
    #[command(hide = true)]
    Start { function: String },
    /// Compares the times of requests for codes to known and to unknown numbers.
    Enumeration {
        /// Numbers of each kind.
        #[arg(long, default_value_t = 500)]
        samples: usize,
    },
    /// Measures the programs of the functions as Lambda runs them, beside one process with all of them.
    Functions {
        /// Of NAME or NAME/bootstrap, as `cargo build` and `cargo lambda build` make them.
        folder: PathBuf,
    },
    /// Measures each operation over a filled database, beside an empty one.
    Scale {
        /// Accounts in the filled database.
        #[arg(long, default_value_t = 2_000_000)]
        filled: u32,
    },
}
