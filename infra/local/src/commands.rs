//! The commands beside `up`: they look at a running instance, or write files.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write as _};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::instance::{self, Instance, Running, State, Variables};
use crate::{Error, generate, service};

/// How long an instance may take to stop: its stores write down what they hold.
const DOWN_LIMIT: Duration = Duration::from_mins(1);
/// How often files and locks are looked at.
const LOOK_PAUSE: Duration = Duration::from_millis(100);
/// How much of a log is shown before it is followed.
const LOG_TAIL: u64 = 16 * 1024;

/// Stops the instance, and is content if none runs.
pub fn down(port: u16) -> Result<(), Error> {
    let instance = Instance::at(port);
    let pid = match instance.running()? {
        Running::No => return print(&format!("nothing runs on port {port}\n")),
        Running::Ready(state) => Some(state.pid),
        Running::Starting { pid } => pid,
    };
    let pid = pid
        .and_then(|pid| i32::try_from(pid).ok())
        .and_then(Pid::from_raw)
        .ok_or(Error::NotStopped { port })?;
    kill_process(pid, Signal::TERM)
        .map_err(|source| Error::Stop { port, source: source.into() })?;
    let start = Instant::now();
    while !matches!(instance.running()?, Running::No) {
        if start.elapsed() > DOWN_LIMIT {
            return Err(Error::NotStopped { port });
        }
        thread::sleep(LOOK_PAUSE);
    }
    print(&format!("stopped what ran on port {port}\n"))
}

/// Tells addresses and process ids; false if nothing runs.
pub fn status(port: u16, json: bool) -> Result<bool, Error> {
    let running = Instance::at(port).running()?;
    let text = if json { status_json(port, &running)? } else { status_text(port, &running) };
    print(&text)?;
    Ok(!matches!(running, Running::No))
}

fn status_json(port: u16, running: &Running) -> Result<String, Error> {
    let mut value = match running {
        Running::No => serde_json::json!({ "port": port }),
        Running::Starting { pid } => serde_json::json!({ "port": port, "pid": pid }),
        Running::Ready(state) => serde_json::to_value(shown(state))?,
    };
    value["status"] = match running {
        Running::No => "down",
        Running::Starting { .. } => "starting",
        Running::Ready(_) => "ready",
    }
    .into();
    Ok(format!("{value:#}\n"))
}

fn status_text(port: u16, running: &Running) -> String {
    let state = match running {
        Running::No => return format!("nothing runs on port {port}\n"),
        Running::Starting { pid } => {
            let pid = pid.map(|pid| format!(" (process {pid})")).unwrap_or_default();
            return format!("starting on port {port}{pid}\n");
        }
        Running::Ready(state) => shown(state),
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

/// The state as it may be shown: an address from outside may hold a password.
fn shown(state: &State) -> State {
    let mask = |address: &str| {
        let Ok(mut url) = url::Url::parse(address) else {
            return "***".to_owned();
        };
        if url.password().is_none() {
            return address.to_owned();
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

/// Shows the end of the log, and what comes, until the instance stops.
pub fn logs(port: u16) -> Result<(), Error> {
    let instance = Instance::at(port);
    let log = match instance.running()? {
        Running::Ready(state) => state.log,
        _ => instance.folder().join("service.log"),
    };
    let failed = |source| Error::File { file: log.clone(), source };
    let mut file = match File::open(&log) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Error::NotRunning { port });
        }
        opened => opened.map_err(failed)?,
    };
    let length = file.metadata().map_err(failed)?.len();
    let mut text = Vec::new();
    if length > LOG_TAIL {
        file.seek(SeekFrom::Start(length - LOG_TAIL)).map_err(failed)?;
        file.read_to_end(&mut text).map_err(failed)?;
        // The first of these lines is most likely half a line.
        let first = text.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        text.drain(..first);
    }
    loop {
        // Asked before the last read, so that the last lines are shown too.
        let last = matches!(instance.running()?, Running::No);
        file.read_to_end(&mut text).map_err(failed)?;
        let shown = io::stdout().lock().write_all(&text).and_then(|()| io::stdout().flush());
        if last || shown.is_err() {
            return Ok(());
        }
        text.clear();
        thread::sleep(LOOK_PAUSE);
    }
}

/// Becomes `psql` on the instance's database.
pub fn shell(port: u16, arguments: &[String]) -> Result<(), Error> {
    let state = ready(port)?;
    let psql = state.psql.as_deref().unwrap_or(Path::new("psql"));
    let source = Command::new(psql).arg(&state.database_url).args(arguments).exec();
    Err(Error::Psql(source))
}

/// Prints the instance's environment for a shell.
pub fn environment(port: u16) -> Result<(), Error> {
    let state = ready(port)?;
    let variables = instance::read_environment(&state.folder)?;
    print(&exports(&variables.ok_or(Error::NotRunning { port })?))
}

/// Prints new keys for a shell.
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

/// Writes what follows from the code, and says what has changed.
pub async fn generate() -> Result<(), Error> {
    let changed = generate::generate().await?;
    if changed.is_empty() {
        return print("everything is up to date\n");
    }
    changed.iter().try_for_each(|path| print(&format!("wrote {path}\n")))
}

/// Prints the names of the functions, one a line.
pub fn functions() -> Result<(), Error> {
    service::documents().iter().try_for_each(|(name, _)| print(&format!("{name}\n")))
}

pub async fn migrate_run(port: u16) -> Result<(), Error> {
    let applied = migrations::run(&database(port)?).await?;
    if applied.is_empty() {
        return print("nothing is pending\n");
    }
    applied.iter().try_for_each(|migration| print(&format!("applied {migration}\n")))
}

pub async fn migrate_revert(port: u16) -> Result<(), Error> {
    match migrations::revert(&database(port)?).await? {
        Some(migration) => print(&format!("reverted {migration}\n")),
        None => print("nothing is applied\n"),
    }
}

pub async fn migrate_status(port: u16) -> Result<(), Error> {
    for migration in migrations::status(&database(port)?).await? {
        let when = match &migration.applied_on {
            Some(when) => format!("applied {when}"),
            None => "pending".to_owned(),
        };
        print(&format!("{migration}  {when}\n"))?;
    }
    Ok(())
}

pub fn migrate_new(name: &str) -> Result<(), Error> {
    let files = migrations::create(name)?;
    files.iter().try_for_each(|file| print(&format!("wrote {}\n", file.display())))
}

/// The database to migrate: what the environment says, else the instance's.
fn database(port: u16) -> Result<String, Error> {
    match service::variable("DATABASE_URL") {
        Some(url) => Ok(url),
        None => Ok(ready(port)?.database_url),
    }
}

fn ready(port: u16) -> Result<State, Error> {
    match Instance::at(port).running()? {
        Running::Ready(state) => Ok(*state),
        _ => Err(Error::NotRunning { port }),
    }
}

fn print(text: &str) -> Result<(), Error> {
    io::stdout().lock().write_all(text.as_bytes()).map_err(Error::Output)
}
