//! The commands other than `up`: they inspect a running instance, or write files.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write as _};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use migrations::Database;
use shared::clock::Clock;

use crate::error::Error;
use crate::instance::{self, Instance, State, Status, Variables};
use crate::{generate, service};

/// How long an instance may take to stop: its stores write their data to disk.
const DOWN_TIMEOUT: Duration = Duration::from_mins(1);
/// How often files and locks are polled.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// How many bytes of a log are shown before it is followed.
const LOG_TAIL: u64 = 16 * 1024;

/// Stops the instance. If none runs, that is no error.
pub fn down(port: u16) -> Result<(), Error> {
    let instance = Instance::at(port);
    let pid = match instance.status()? {
        Status::Stopped => return print(&format!("no instance runs on port {port}\n")),
        Status::Ready(state) => Some(state.pid),
        Status::Starting { pid } => pid,
    };
    let pid = pid
        .and_then(|pid| i32::try_from(pid).ok())
        .and_then(Pid::from_raw)
        .ok_or(Error::NotStopped { port })?;
    kill_process(pid, Signal::TERM)
        .map_err(|source| Error::Stop { port, source: source.into() })?;
    let start = Instant::now();
    while !matches!(instance.status()?, Status::Stopped) {
        if start.elapsed() > DOWN_TIMEOUT {
            return Err(Error::NotStopped { port });
        }
        thread::sleep(POLL_INTERVAL);
    }
    print(&format!("stopped the instance on port {port}\n"))
}

/// Prints URLs and process ids; false if no instance runs.
pub fn status(port: u16, json: bool) -> Result<bool, Error> {
    let status = Instance::at(port).status()?;
    let text = if json { status_json(port, &status)? } else { status_text(port, &status) };
    print(&text)?;
    Ok(!matches!(status, Status::Stopped))
}

fn status_json(port: u16, status: &Status) -> Result<String, Error> {
    let mut value = match status {
        Status::Stopped => serde_json::json!({ "port": port }),
        Status::Starting { pid } => serde_json::json!({ "port": port, "pid": pid }),
        Status::Ready(state) => serde_json::to_value(masked(state))?,
    };
    value["status"] = match status {
        Status::Stopped => "down",
        Status::Starting { .. } => "starting",
        Status::Ready(_) => "ready",
    }
    .into();
    Ok(format!("{value:#}\n"))
}

fn status_text(port: u16, status: &Status) -> String {
    let state = match status {
        Status::Stopped => return format!("no instance runs on port {port}\n"),
        Status::Starting { pid } => {
            let pid = pid.map(|pid| format!(" (process {pid})")).unwrap_or_default();
            return format!("starting on port {port}{pid}\n");
        }
        Status::Ready(state) => masked(state),
    };
    let mut text = format!(
        "ready {}\n  process {}, started {}\n  logs in {}\n",
        state.url,
        state.pid,
        state.started,
        state.log.display(),
    );
    let stores = [
        ("Postgres", &state.database_url, &state.postgres),
        ("Redis", &state.redis_url, &state.redis),
    ];
    for (name, url, store) in stores {
        let _ = write!(text, "{name} {url}\n  ");
        let _ = match store {
            Some(store) => writeln!(
                text,
                "process {}, guard {}, files in {}",
                store.pid,
                store.guard,
                store.folder.display(),
            ),
            None => writeln!(text, "not started here"),
        };
    }
    text
}

/// The state without passwords: a URL from the environment may hold one.
fn masked(state: &State) -> State {
    let mask = |text: &str| {
        let Ok(mut url) = url::Url::parse(text) else {
            return "***".to_owned();
        };
        if url.password().is_none() {
            return text.to_owned();
        }
        let masked = url.set_password(Some("***"));
        masked.map_or_else(|()| "***".to_owned(), |()| url.into())
    };
    State {
        database_url: mask(&state.database_url),
        redis_url: mask(&state.redis_url),
        ..state.clone()
    }
}

/// Prints the end of the log and follows it until the instance stops.
pub fn logs(port: u16) -> Result<(), Error> {
    let instance = Instance::at(port);
    let log = match instance.status()? {
        Status::Ready(state) => state.log,
        _ => instance.folder().join("service.log"),
    };
    let failed = |source| Error::File { file: log.clone(), source };
    let mut file = match File::open(&log) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Error::NotReady { port });
        }
        opened => opened.map_err(failed)?,
    };
    let length = file.metadata().map_err(failed)?.len();
    let mut text = Vec::new();
    if length > LOG_TAIL {
        file.seek(SeekFrom::Start(length - LOG_TAIL)).map_err(failed)?;
        file.read_to_end(&mut text).map_err(failed)?;
        // The first line is probably incomplete.
        let first = text.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        text.drain(..first);
    }
    loop {
        // Checked before the last read, so that the last lines are printed too.
        let last = matches!(instance.status()?, Status::Stopped);
        file.read_to_end(&mut text).map_err(failed)?;
        let shown = io::stdout().lock().write_all(&text).and_then(|()| io::stdout().flush());
        if last || shown.is_err() {
            return Ok(());
        }
        text.clear();
        thread::sleep(POLL_INTERVAL);
    }
}

/// Replaces this process with `psql` on the instance's database.
pub fn shell(port: u16, arguments: &[String]) -> Result<(), Error> {
    let state = ready(port)?;
    let psql = state.psql.as_deref().unwrap_or(Path::new("psql"));
    let source = Command::new(psql).arg(&state.database_url).args(arguments).exec();
    Err(Error::Psql(source))
}

/// Prints the instance's environment as shell exports.
pub fn environment(port: u16) -> Result<(), Error> {
    let state = ready(port)?;
    let variables = instance::read_environment(&state.folder)?;
    print(&exports(&variables.ok_or(Error::NotReady { port })?))
}

/// Prints the signing keys after the next step of their rotation, as shell exports.
pub fn rotate_keys() -> Result<(), Error> {
    let keys = service::variable("JWT_KEYS").ok_or(Error::JwtKeys("is not set"))?;
    let rotated = service::rotated_keys(&keys, &Clock::System).map_err(Error::JwtKeys)?;
    print(&exports(&rotated))
}

/// Prints the pepper after the next step of its rotation, as a shell export.
pub fn rotate_pepper() -> Result<(), Error> {
    let pepper = service::variable("PEPPER").ok_or(Error::Pepper("is not set"))?;
    print(&exports(&service::rotated_pepper(&pepper).map_err(Error::Pepper)?))
}

/// Prints the data keys after the next step of their rotation, as a shell export.
pub fn rotate_data_keys() -> Result<(), Error> {
    let keys = service::variable("DATA_KEYS").ok_or(Error::DataKeys("is not set"))?;
    print(&exports(&service::rotated_data_keys(&keys).map_err(Error::DataKeys)?))
}

/// Prints new keys as shell exports.
pub fn new_keys() -> Result<(), Error> {
    print(&exports(&service::new_keys()))
}

fn exports(variables: &Variables) -> String {
    variables.iter().fold(String::new(), |mut text, (name, value)| {
        let quoted = value.replace('\'', r"'\''");
        let _ = writeln!(text, "export {name}='{quoted}'");
        text
    })
}

/// Writes the generated files that differ from the code.
pub async fn generate() -> Result<(), Error> {
    let stale = generate::stale_files().await?;
    if stale.is_empty() {
        return print("the generated files are up to date\n");
    }
    stale.iter().try_for_each(|file| {
        generate::write(file)?;
        print(&format!("wrote {}\n", file.path))
    })
}

/// Prints the names of the functions, one a line.
pub fn functions() -> Result<(), Error> {
    let events = service::EVENT_FUNCTIONS.iter().map(|function| function.name);
    let all = service::FUNCTIONS.iter().map(|function| function.name).chain(events);
    all.into_iter().try_for_each(|name| print(&format!("{name}\n")))
}

pub async fn migrate_run(port: u16) -> Result<(), Error> {
    let (url, ca) = migration_target(port)?;
    let applied = runner().run(Database { url: &url, ca: ca.as_deref() }).await?;
    if applied.is_empty() {
        return print("no migration is pending\n");
    }
    applied.iter().try_for_each(|migration| print(&format!("applied {migration}\n")))
}

pub async fn migrate_revert(port: u16) -> Result<(), Error> {
    let (url, ca) = migration_target(port)?;
    match runner().revert(Database { url: &url, ca: ca.as_deref() }).await? {
        Some(migration) => print(&format!("reverted {migration}\n")),
        None => print("no migration is applied\n"),
    }
}

pub async fn migrate_status(port: u16) -> Result<(), Error> {
    let (url, ca) = migration_target(port)?;
    for migration in runner().status(Database { url: &url, ca: ca.as_deref() }).await? {
        let when = match &migration.applied_on {
            Some(when) => format!("applied {when}"),
            None => "pending".to_owned(),
        };
        print(&format!("{migration}  {when}\n"))?;
    }
    Ok(())
}

pub fn migrate_new(name: &str) -> Result<(), Error> {
    let files = runner().create(name)?;
    files.iter().try_for_each(|file| print(&format!("wrote {}\n", file.display())))
}

/// A runner that prints what it waits for.
fn runner() -> migrations::Runner {
    migrations::Runner { report: stores::print_progress, ..migrations::repository() }
}

/// The URL and the certificate authority of the database to migrate: those of the environment,
/// else the instance's.
pub(crate) fn migration_target(port: u16) -> Result<(String, Option<String>), Error> {
    let url = match service::variable("DATABASE_URL") {
        Some(url) => url,
        None => ready(port)?.database_url,
    };
    Ok((url, service::variable("DATABASE_CA")))
}

pub(crate) fn ready(port: u16) -> Result<State, Error> {
    match Instance::at(port).status()? {
        Status::Ready(state) => Ok(*state),
        _ => Err(Error::NotReady { port }),
    }
}

/// What a command has done or found.
#[derive(Debug)]
pub struct Outcome {
    /// Else the exit code is 1.
    pub is_good: bool,
    pub text: String,
}

impl Outcome {
    pub(crate) fn print(self) -> Result<bool, Error> {
        print(&self.text)?;
        Ok(self.is_good)
    }
}

pub(crate) fn print(text: &str) -> Result<(), Error> {
    io::stdout().lock().write_all(text.as_bytes()).map_err(Error::Output)
}
