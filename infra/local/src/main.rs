//! `cargo local`: the whole service on a laptop, in one command.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use local::audit::Wanted;
use local::{Error, audit, commands, import, restore, up};
use uuid::Uuid;

/// The whole service on a laptop, in one command.
#[derive(Parser)]
#[command(name = "cargo local", bin_name = "cargo local")]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// The port of 127.0.0.1 to serve on. It identifies the instance.
    #[arg(long, global = true, default_value_t = 3001, value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,
    /// Delete all data when the instance stops (for `up`).
    #[arg(long)]
    ephemeral: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Start Postgres, Redis and the service, and serve until Ctrl-C (the default).
    Up {
        /// Delete all data when the instance stops.
        #[arg(long)]
        ephemeral: bool,
    },
    /// Stop the instance.
    Down,
    /// Print URLs and process ids; the exit code is 1 if no instance runs.
    Status {
        #[arg(long)]
        json: bool,
    },
    /// Print the end of the service's log and follow it.
    Logs,
    /// Open psql on the instance's database.
    Shell {
        /// Arguments for psql.
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Print the instance's environment, for `cargo lambda watch`.
    Env,
    /// Migrate the database of `DATABASE_URL`, else the instance's.
    Migrate {
        #[command(subcommand)]
        command: Migrate,
    },
    /// Look at the trail of security events, in the database of `DATABASE_URL`, else the instance's.
    Audit {
        #[command(subcommand)]
        command: Audit,
    },
    /// Make the database of `DATABASE_URL`, else the instance's, safe after a restore from a backup. Run
    /// it before the API is open again. It may be repeated.
    Restore {
        /// To which moment the database went back, as `2026-11-28T14:00:00Z`.
        #[arg(long)]
        backup_at: String,
        /// An export of the security log, a JSON object in each line. Needs `PHONE_INDEX_KEY`.
        #[arg(long)]
        trail: Option<PathBuf>,
    },
    /// Take the accounts of the first auth-service over from its database, into that of `DATABASE_URL`,
    /// else the instance's. It may be repeated. Needs `DATA_KEYS`.
    Import {
        /// The address of that database.
        #[arg(long)]
        from: String,
        /// The schema of its tables.
        #[arg(long, default_value = "auth")]
        schema: String,
    },
    /// Create secrets.
    Keys {
        #[command(subcommand)]
        command: KeysStep,
    },
    /// Write the files that are made from the code: infra/openapi.json, infra/internal-schemas,
    /// docs/configuration.md, the tables of docs/security.md, the watch routes in Cargo.toml, and an
    /// event for each operation that has none.
    Generate,
    /// Print the names of the functions, one a line.
    Functions,
}

#[derive(Subcommand)]
enum Migrate {
    /// Apply the pending migrations.
    Run,
    /// Revert the newest applied migration.
    Revert,
    /// List all migrations, applied and pending.
    Status,
    /// Write the two files of a new migration.
    New { name: String },
}

#[derive(Subcommand)]
enum Audit {
    /// Verify the chains of all users; the exit code is 1 if one is broken.
    Verify {
        /// Only the chain of this user.
        #[arg(long)]
        user: Option<Uuid>,
        /// Also compare them with a signed root: a file, with that of its heads beside it, or `s3://…`,
        /// which the AWS CLI fetches.
        #[arg(long)]
        against: Option<String>,
        /// Refuse a root that another key signed: the SHA-256 of its public key (DER), in hexadecimal.
        #[arg(long, value_name = "FINGERPRINT", requires = "against")]
        key: Option<String>,
    },
}

#[derive(Subcommand)]
enum KeysStep {
    /// Print new signing keys, a new pepper, a new data key and a new key of the phone index.
    New,
    /// Print the signing keys of `JWT_KEYS` after the next step of their rotation.
    Rotate,
    /// Print `PEPPER` after the next step of its rotation.
    RotatePepper,
    /// Print `DATA_KEYS` after the next step of their rotation.
    RotateDataKeys,
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
        Command::Audit { command: Audit::Verify { user, against, key } } => {
            let wanted = Wanted { user, against: against.as_deref(), key: key.as_deref() };
            let holds = audit::verify(port, &wanted).await?;
            return Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Command::Import { from, schema } => import::import(port, &from, &schema).await?,
        Command::Restore { backup_at, trail } => {
            let is_whole = restore::restore(port, &backup_at, trail.as_deref()).await?;
            return Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Command::Keys { command: KeysStep::New } => commands::new_keys()?,
        Command::Keys { command: KeysStep::Rotate } => commands::rotate_keys()?,
        Command::Keys { command: KeysStep::RotatePepper } => commands::rotate_pepper()?,
        Command::Keys { command: KeysStep::RotateDataKeys } => commands::rotate_data_keys()?,
        Command::Generate => commands::generate().await?,
        Command::Functions => commands::functions()?,
    }
    Ok(ExitCode::SUCCESS)
}
