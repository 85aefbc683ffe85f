//! `cargo local`: the whole service on a laptop, in one command.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use local::{Error, commands, up};

/// The whole service on a laptop, in one command.
#[derive(Parser)]
#[command(name = "cargo local", bin_name = "cargo local")]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// The port of 127.0.0.1 to serve on; it names the instance.
    #[arg(long, global = true, default_value_t = 3001, value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,
    /// Keep nothing (for `up`).
    #[arg(long)]
    ephemeral: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Start Postgres, Redis and the service, and serve until Ctrl-C (the default).
    Up {
        /// Keep nothing.
        #[arg(long)]
        ephemeral: bool,
    },
    /// Stop the instance.
    Down,
    /// Tell addresses and process ids; exit code 1 if nothing runs.
    Status {
        #[arg(long)]
        json: bool,
    },
    /// Show the service's log, and follow it.
    Logs,
    /// Open psql on the instance's database.
    Shell {
        /// Arguments for psql.
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Print the instance's environment, for `cargo lambda watch`.
    Env,
    /// Change the database's tables: of the database that the environment names, else the instance's.
    Migrate {
        #[command(subcommand)]
        command: Migrate,
    },
    /// Make secrets.
    Keys {
        #[command(subcommand)]
        command: Keys,
    },
    /// Write what follows from the code: the API description, the routes of `cargo lambda
    /// watch`, docs/configuration.md, and a first event of a new operation.
    Generate,
    /// Print the names of the functions.
    Functions,
}

#[derive(Subcommand)]
enum Migrate {
    /// Apply what is pending.
    Run,
    /// Take the newest one back.
    Revert,
    /// List all, applied and pending.
    Status,
    /// Write the two files of a new migration.
    New { name: String },
}

#[derive(Subcommand)]
enum Keys {
    /// Print new signing keys, their public half, and a new pepper.
    New,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(Arguments { command, port, ephemeral }: Arguments) -> Result<ExitCode, Error> {
    match command.unwrap_or(Command::Up { ephemeral: false }) {
        Command::Up { ephemeral: here } => up::up(port, ephemeral || here).await?,
        Command::Down => commands::down(port)?,
        Command::Status { json } => {
            let runs = commands::status(port, json)?;
            return Ok(if runs { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Command::Logs => commands::logs(port)?,
        Command::Shell { arguments } => commands::shell(port, &arguments)?,
        Command::Env => commands::environment(port)?,
        Command::Migrate { command } => match command {
            Migrate::Run => commands::migrate_run(port).await?,
            Migrate::Revert => commands::migrate_revert(port).await?,
            Migrate::Status => commands::migrate_status(port).await?,
            Migrate::New { name } => commands::migrate_new(&name)?,
        },
        Command::Keys { command: Keys::New } => commands::new_keys()?,
        Command::Generate => commands::generate().await?,
        Command::Functions => commands::functions()?,
    }
    Ok(ExitCode::SUCCESS)
}
