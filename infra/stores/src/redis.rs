//! A private Redis, or Valkey if no Redis is found.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::account::{private_folder, temporary_folder_for};
use crate::error::StoreError;
use crate::find::{self, Found};
use crate::guard::{self, Guard, Plan, StopMode};
use crate::options::{Folder, Options};
use crate::product::Product;
use crate::progress::print_progress;
use crate::sources::sources;
use crate::start::{
    EARLIER_LIMIT, READY_LIMIT, READY_POLL, Start, not_ready, on_a_port, port_was_taken, reason,
};

const NAME: &str = "Redis";

/// A running Redis; dropping it stops it. It has 4,096 databases, so that each
/// test can have one, and no password, on 127.0.0.1 only.
pub struct Redis {
    // First, so that it is dropped before the rest.
    guard: Guard,
    server: Server,
    port: u16,
}

/// Everything needed to start the server again.
struct Server {
    found: Found,
    folder: PathBuf,
    ephemeral: bool,
    durable: bool,
    arguments: Vec<OsString>,
    /// For a sentinel: what it watches.
    sentinel: Option<String>,
}

impl Redis {
    /// Finds or installs Redis and starts it; ready when this returns.
    pub fn start(options: &Options) -> Result<Self, StoreError> {
        Self::start_as(options, None)
    }

    /// Starts a sentinel with these lines of configuration.
    pub(crate) fn start_sentinel(watched: &str) -> Result<Self, StoreError> {
        Self::start_as(&Options::ephemeral(), Some(watched.to_owned()))
    }

    fn start_as(options: &Options, sentinel: Option<String>) -> Result<Self, StoreError> {
        let sources = match &options.sources {
            Some(sources) => sources.clone(),
            None => sources()?,
        };
        let found = find::find(Product::Redis, &sources, None, None)?;
        let (folder, ephemeral) = match &options.folder {
            Folder::Ephemeral => (temporary_folder_for("redis", None)?, true),
            Folder::Kept(folder) => {
                private_folder(folder, None)?;
                (folder.clone(), false)
            }
        };
        let server = Server {
            found,
            folder,
            ephemeral,
            durable: options.durable,
            arguments: options.arguments.clone(),
            sentinel,
        };
        print_progress(&format!(
            "starting Redis {} in {}",
            server.found.version,
            server.folder.display()
        ));
        let started = server
            .wait_for_an_earlier_one()
            .and_then(|()| on_a_port(NAME, options.port, |port| server.run(port)));
        if started.is_err() && ephemeral {
            let _ = fs::remove_dir_all(&server.folder);
        }
        let (guard, port) = started?;
        Ok(Self { guard, server, port })
    }

    /// Its address, with the number of one of its databases.
    #[must_use]
    pub fn url(&self, database: u16) -> String {
        format!("redis://127.0.0.1:{}/{database}", self.port)
    }

    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The server's process id.
    #[must_use]
    pub const fn pid(&self) -> u32 {
        self.guard.server()
    }

    /// The process id of the guard that stops it when our process ends.
    #[must_use]
    pub fn guard_pid(&self) -> u32 {
        self.guard.pid()
    }

    /// Where its files are.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.server.folder
    }

    /// Whether the server still runs.
    #[must_use]
    pub fn is_running(&self) -> bool {
        !self.guard.has_exited()
    }

    /// Kills it: data that is not on disk is lost, and its port is closed.
    pub fn kill(&mut self) {
        self.guard.stop(StopMode::Signal("KILL"));
    }

    /// Starts it again on the same port and folder, after [`Self::kill`] or while it runs.
    pub fn restart(&mut self) -> Result<(), StoreError> {
        self.guard.stop(StopMode::StopAndKeep);
        let (guard, _) = on_a_port(NAME, Some(self.port), |port| self.server.run(port))?;
        self.guard = guard;
        Ok(())
    }

    /// Suspends it: connections stay open and get no answer.
    pub fn pause(&self) {
        self.guard.signal(Signal::STOP);
    }

    /// Ends a [`Self::pause`].
    pub fn resume(&self) {
        self.guard.signal(Signal::CONT);
    }

    /// Stops it and waits until it has exited.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.guard.stop(StopMode::Stop);
        if self.server.ephemeral {
            // The guard of a killed server keeps the folder.
            let _ = fs::remove_dir_all(&self.server.folder);
        }
    }
}

impl Server {
    fn pid_file(&self) -> PathBuf {
        self.folder.join("redis.pid")
    }

    /// A server whose owner was just killed may still be stopping. Two servers on one folder
    /// would overwrite each other's files.
    fn wait_for_an_earlier_one(&self) -> Result<(), StoreError> {
        let start = Instant::now();
        while let Some(pid) =
            fs::read_to_string(self.pid_file()).ok().and_then(|text| text.trim().parse().ok())
        {
            if !["redis", "valkey"].iter().any(|name| guard::runs(pid, name)) {
                break;
            }
            if start.elapsed() > EARLIER_LIMIT {
                return Err(StoreError::StillRuns {
                    product: NAME,
                    pid,
                    folder: self.folder.clone(),
                });
            }
            thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    fn run(&self, port: u16) -> Result<Start<(Guard, u16)>, StoreError> {
        let log = self.folder.join("redis.log");
        let io = |source| StoreError::Io {
            what: format!("start {}", self.found.program.display()),
            source,
        };
        // Each start has its own log, so that a fault found in it is this start's.
        File::create(&log).map_err(io)?;
        let arguments = match &self.sentinel {
            Some(watched) => self.sentinel_arguments(port, &log, watched).map_err(io)?,
            None => self.arguments(port, &log),
        };
        let mut guard = Guard::start(Plan {
            program: &self.found.program,
            arguments,
            account: None,
            log: &log,
            stop_signal: "TERM",
            remove: self.ephemeral.then(|| self.folder.clone()),
        })
        .map_err(io)?;
        let start = Instant::now();
        loop {
            if guard.has_exited() {
                guard.stop(StopMode::StopAndKeep);
                if port_was_taken(&log) {
                    return Ok(Start::PortTaken);
                }
                return Err(StoreError::Exited {
                    product: NAME,
                    doing: "started",
                    reason: reason(&log),
                });
            }
            if answers(port, guard.server()) {
                return Ok(Start::Ready((guard, port)));
            }
            if start.elapsed() > READY_LIMIT {
                return Err(not_ready(NAME, &log));
            }
            thread::sleep(READY_POLL);
        }
    }

    /// A sentinel writes what it learns into its configuration.
    fn sentinel_arguments(
        &self,
        port: u16,
        log: &Path,
        watched: &str,
    ) -> io::Result<Vec<OsString>> {
        let file = self.folder.join("sentinel.conf");
        if !file.exists() {
            let (folder, pid_file) = (self.folder.display(), self.pid_file());
            let configuration = format!(
                "port {port}\nbind 127.0.0.1\ndir {folder}\nlogfile {}\npidfile {}\n{watched}",
                log.display(),
                pid_file.display()
            );
            fs::write(&file, configuration)?;
        }
        Ok(vec![file.into(), "--sentinel".into()])
    }

    fn arguments(&self, port: u16, log: &Path) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = Vec::new();
        let mut set = |name: &str, value: OsString| {
            arguments.push(format!("--{name}").into());
            arguments.push(value);
        };
        set("port", port.to_string().into());
        set("bind", "127.0.0.1".into());
        set("databases", "4096".into());
        set("daemonize", "no".into());
        set("dir", self.folder.clone().into());
        set("logfile", log.into());
        set("pidfile", self.pid_file().into());
        set("save", "".into());
        set("appendonly", if self.durable { "yes" } else { "no" }.into());
        // Replicas that a test starts synchronise at once.
        set("repl-diskless-sync-delay", "0".into());
        arguments.extend(self.arguments.iter().cloned());
        arguments
    }
}

/// Sends one command and reads the answer, as Redis encodes it.
pub(crate) fn ask(port: u16, command: &str) -> io::Result<String> {
    let limit = Duration::from_secs(1);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, limit)?;
    stream.set_read_timeout(Some(limit))?;
    stream.write_all(format!("{command}\r\n").as_bytes())?;
    // Sentinels know no QUIT.
    stream.shutdown(Shutdown::Write)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Whether the Redis on this port is ready, and is this process: another program may have
/// taken the port.
fn answers(port: u16, pid: u32) -> bool {
    ask(port, "INFO server\r\nPING").is_ok_and(|answer| {
        let ours = answer.contains(&format!("process_id:{pid}\r\n"));
        // With a password set, the only answer is the request for it.
        (ours && answer.contains("+PONG")) || answer.starts_with("-NOAUTH")
    })
}
