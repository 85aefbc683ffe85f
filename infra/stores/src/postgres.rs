//! A private Postgres.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Signal, kill_process};

use crate::account::{Account, private_folder, reachable, temporary_folder_for};
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

const NAME: &str = "Postgres";

/// A running Postgres; dropping it stops it. Its superuser is `postgres`, with
/// no password, on 127.0.0.1 only.
pub struct Postgres {
    // First, so that it is dropped before the rest.
    guard: Guard,
    server: Server,
    port: u16,
}

/// Everything needed to start the server again.
struct Server {
    found: Found,
    account: Option<Account>,
    folder: PathBuf,
    ephemeral: bool,
    durable: bool,
    arguments: Vec<OsString>,
}

impl Postgres {
    /// Finds or installs Postgres, creates its data folder if there is none, and starts it. It
    /// accepts connections when this returns.
    pub fn start(options: &Options) -> Result<Self, StoreError> {
        let account = Account::for_postgres()?;
        let (folder, ephemeral) = match &options.folder {
            Folder::Ephemeral => (temporary_folder_for("postgres", account.as_ref())?, true),
            Folder::Kept(wanted) => {
                let folder = reachable(wanted, account.as_ref());
                private_folder(&folder, account.as_ref())?;
                (folder, false)
            }
        };
        let started = Self::start_in(options, folder.clone(), account, ephemeral);
        if started.is_err() && ephemeral {
            // The guard may have removed it already.
            let _ = fs::remove_dir_all(&folder);
        }
        started
    }

    fn start_in(
        options: &Options,
        folder: PathBuf,
        account: Option<Account>,
        ephemeral: bool,
    ) -> Result<Self, StoreError> {
        let sources = match &options.sources {
            Some(sources) => sources.clone(),
            None => sources()?,
        };
        let found = find::find(
            Product::Postgres,
            &sources,
            account.as_ref(),
            version_of_data(&folder.join("data")),
        )?;
        let server = Server {
            found,
            account,
            folder,
            ephemeral,
            durable: options.durable,
            arguments: options.arguments.clone(),
        };
        server.wait_for_an_earlier_one()?;
        if version_of_data(&server.data()).is_none() {
            server.create_data()?;
        }
        print_progress(&format!(
            "starting Postgres {} in {}",
            server.found.version,
            server.folder.display()
        ));
        let (guard, port) = on_a_port(NAME, options.port, |port| server.run(port))?;
        Ok(Self { guard, server, port })
    }

    /// The URL of one of its databases; `postgres` exists from the start. Without TLS, because
    /// the connection never leaves this machine.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}?sslmode=disable", self.port)
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

    /// A program that came with it, or one on PATH.
    #[must_use]
    pub fn program(&self, name: &str) -> Option<PathBuf> {
        find::beside_or_on_path(&self.server.found.program, name)
    }

    /// Stops it as a crash does: connections break, and no checkpoint is written.
    pub fn kill(&mut self) {
        // Not SIGKILL: it would leave the server's own children behind.
        self.guard.stop(StopMode::Signal("QUIT"));
    }

    /// Starts it again on the same port and data, after [`Self::kill`] or while it runs.
    pub fn restart(&mut self) -> Result<(), StoreError> {
        self.guard.stop(StopMode::StopAndKeep);
        let (guard, _) = on_a_port(NAME, Some(self.port), |port| self.server.run(port))?;
        self.guard = guard;
        Ok(())
    }

    /// The process ids of the server and of all that it has started.
    #[must_use]
    pub fn processes(&self) -> Vec<u32> {
        let server = self.guard.server();
        let children = guard::children(server).into_iter();
        let children = children.filter_map(|pid| u32::try_from(pid.as_raw_nonzero().get()).ok());
        std::iter::once(server).chain(children).collect()
    }

    /// Suspends it with all of its processes: connections stay open and get no answer.
    pub fn pause(&self) {
        // First the one that starts others.
        self.guard.signal(Signal::STOP);
        self.signal_children(Signal::STOP);
    }

    /// Ends a [`Self::pause`].
    pub fn resume(&self) {
        self.signal_children(Signal::CONT);
        self.guard.signal(Signal::CONT);
    }

    fn signal_children(&self, signal: Signal) {
        for child in guard::children(self.guard.server()) {
            // One that has exited needs no signal.
            let _ = kill_process(child, signal);
        }
    }

    /// Stops it and waits until it has exited.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.guard.stop(StopMode::Stop);
        if self.server.ephemeral {
            // The guard of a killed server keeps the folder.
            let _ = fs::remove_dir_all(&self.server.folder);
        }
    }
}

impl Server {
    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn log(&self) -> PathBuf {
        self.folder.join("postgres.log")
    }

    /// Runs initdb in another folder and renames it: a data folder is complete or absent.
    fn create_data(&self) -> Result<(), StoreError> {
        print_progress(&format!("creating a database in {}", self.folder.display()));
        let partial = self.folder.join("data.partial");
        let io = |what: &str, source| StoreError::Io {
            what: format!("{what} {}", partial.display()),
            source,
        };
        if partial.exists() {
            fs::remove_dir_all(&partial).map_err(|source| io("remove", source))?;
        }
        let mut arguments: Vec<OsString> = vec!["-D".into(), partial.clone().into()];
        arguments.extend(
            [
                "--username=postgres",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C",
                "--no-instructions",
            ]
            .map(OsString::from),
        );
        if !self.durable {
            arguments.push("--no-sync".into());
        }
        let log = self.log();
        let mut guard = Guard::start(Plan {
            program: &self.found.program.with_file_name("initdb"),
            arguments,
            account: self.account.as_ref(),
            log: &log,
            stop_signal: "TERM",
            remove: Some(if self.ephemeral { self.folder.clone() } else { partial.clone() }),
        })
        .map_err(|source| io("run initdb for", source))?;
        if !guard.wait_for_exit(READY_LIMIT) {
            return Err(not_ready(NAME, &log));
        }
        if !guard.stop(StopMode::StopAndKeep) {
            return Err(StoreError::Exited {
                product: NAME,
                doing: "created its data folder",
                reason: reason(&log),
            });
        }
        fs::rename(&partial, self.data()).map_err(|source| io("rename", source))
    }

    /// A server whose owner was just killed may still be stopping.
    fn wait_for_an_earlier_one(&self) -> Result<(), StoreError> {
        let start = Instant::now();
        while let Some((pid, _)) = postmaster(&self.data()) {
            if !guard::runs(pid, "postgres") {
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
        let log = self.log();
        let io = |source| StoreError::Io {
            what: format!("start {}", self.found.program.display()),
            source,
        };
        // Each start has its own log, so that a fault found in it is this start's.
        File::create(&log).map_err(io)?;
        let mut guard = Guard::start(Plan {
            program: &self.found.program,
            arguments: self.arguments(port),
            account: self.account.as_ref(),
            log: &log,
            // Fast shutdown: open connections are closed.
            stop_signal: "INT",
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
            // Its lock file, and not a connection: another program may have taken the port.
            if postmaster(&self.data()) == Some((guard.server(), true)) {
                return Ok(Start::Ready((guard, port)));
            }
            if start.elapsed() > READY_LIMIT {
                return Err(not_ready(NAME, &log));
            }
            thread::sleep(READY_POLL);
        }
    }

    fn arguments(&self, port: u16) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = vec!["-D".into(), self.data().into()];
        let mut set = |setting: String| arguments.extend(["-c".into(), setting.into()]);
        set(format!("port={port}"));
        for setting in [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            // Many tests run at once, each with its own pool.
            "max_connections=300",
            "shared_buffers=64MB",
            "log_min_messages=warning",
        ] {
            set(setting.to_owned());
        }
        if !self.durable {
            for setting in [
                "fsync=off",
                "synchronous_commit=off",
                "full_page_writes=off",
                "wal_level=minimal",
                "max_wal_senders=0",
            ] {
                set(setting.to_owned());
            }
        }
        arguments.extend(self.arguments.iter().cloned());
        arguments
    }
}

/// The version that a data folder belongs to; none if it holds no data.
fn version_of_data(data: &Path) -> Option<u32> {
    fs::read_to_string(data.join("PG_VERSION")).ok()?.trim().parse().ok()
}

/// The process in a data folder's lock file, and whether it says it is ready.
fn postmaster(data: &Path) -> Option<(u32, bool)> {
    let text = fs::read_to_string(data.join("postmaster.pid")).ok()?;
    let mut lines = text.lines();
    let pid = lines.next()?.trim().parse().ok()?;
    Some((pid, lines.nth(6).is_some_and(|status| status.trim() == "ready")))
}
