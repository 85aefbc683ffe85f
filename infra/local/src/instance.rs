//! One instance of `cargo local`, identified by its port: its folder under target/, its keys,
//! and the state file by which other commands find it.
//!
//! A running instance holds a lock on a file in its folder. The kernel releases the lock when
//! the process ends for any reason, so a state file without a lock is stale.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::paths;

/// Environment variables by name.
pub type Variables = BTreeMap<String, String>;

/// What a running instance writes about itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    pub url: String,
    pub port: u16,
    pub pid: u32,
    /// RFC 3339.
    pub started: String,
    /// Whether its data is deleted when it stops.
    pub ephemeral: bool,
    /// Its keys, environment and log.
    pub folder: PathBuf,
    pub log: PathBuf,
    pub database_url: String,
    pub redis_url: String,
    /// The servers that it started; `None` if the environment names one instead.
    pub postgres: Option<StoreState>,
    pub redis: Option<StoreState>,
    pub psql: Option<PathBuf>,
}

/// A server that an instance started.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StoreState {
    pub port: u16,
    pub pid: u32,
    /// The process that stops the server when the instance ends.
    pub guard: u32,
    pub folder: PathBuf,
}

/// Whether an instance runs on a port.
#[derive(Debug)]
pub enum Status {
    Stopped,
    /// Locked, but not ready yet.
    Starting {
        pid: Option<u32>,
    },
    Ready(Box<State>),
}

#[derive(Debug, thiserror::Error)]
pub enum InstanceError {
    #[error(
        "an instance already runs on port {port}{}: stop it with `cargo local down --port {port}`",
        pid.map(|pid| format!(" (process {pid})")).unwrap_or_default()
    )]
    AlreadyRunning { port: u16, pid: Option<u32> },
    #[error("failed to use {}: {source}", file.display())]
    File { file: PathBuf, source: io::Error },
    #[error("{} is damaged: remove it", file.display())]
    Damaged { file: PathBuf, source: serde_json::Error },
}

/// An instance, running or not.
#[derive(Clone, Debug)]
pub struct Instance {
    pub port: u16,
    folder: PathBuf,
}

/// Held by the process that runs the instance.
pub struct InstanceLock {
    _lock: File,
}

impl Instance {
    #[must_use]
    pub fn at(port: u16) -> Self {
        Self { port, folder: paths::target().join("local").join(port.to_string()) }
    }

    /// The folder of its kept data, keys and log.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn lock_file(&self) -> PathBuf {
        self.folder.join("lock")
    }

    fn state_file(&self) -> PathBuf {
        self.folder.join("state.json")
    }

    /// Takes the instance's lock, which only one process can hold.
    pub fn lock(&self) -> Result<InstanceLock, InstanceError> {
        let file = self.lock_file();
        let failed = |source| InstanceError::File { file: file.clone(), source };
        fs::create_dir_all(&self.folder).map_err(failed)?;
        let options = || File::options().create(true).truncate(false).write(true).open(&file);
        let mut lock = options().map_err(failed)?;
        let start = Instant::now();
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                // `status` holds the lock for a moment, a running instance holds it for long.
                Err(TryLockError::WouldBlock) if start.elapsed() < Duration::from_millis(300) => {
                    thread::sleep(Duration::from_millis(10));
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(InstanceError::AlreadyRunning {
                        port: self.port,
                        pid: self.lock_holder(),
                    });
                }
                Err(TryLockError::Error(source)) => return Err(failed(source)),
            }
        }
        self.remove_state()?;
        lock.set_len(0).map_err(failed)?;
        write!(lock, "{}", std::process::id()).map_err(failed)?;
        Ok(InstanceLock { _lock: lock })
    }

    fn lock_holder(&self) -> Option<u32> {
        fs::read_to_string(self.lock_file()).ok()?.trim().parse().ok()
    }

    /// Whether a process runs this instance.
    pub fn status(&self) -> Result<Status, InstanceError> {
        let file = self.lock_file();
        let lock = match File::open(&file) {
            Ok(lock) => lock,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Status::Stopped),
            Err(source) => return Err(InstanceError::File { file, source }),
        };
        // Shared, so that two commands that check do not mistake each other for an instance.
        match lock.try_lock_shared() {
            Ok(()) => Ok(Status::Stopped),
            Err(TryLockError::WouldBlock) => Ok(match read(&self.state_file())? {
                Some(state) => Status::Ready(Box::new(state)),
                None => Status::Starting { pid: self.lock_holder() },
            }),
            Err(TryLockError::Error(source)) => Err(InstanceError::File { file, source }),
        }
    }

    /// Writes the state file, by which other commands find this instance.
    pub fn write_state(&self, state: &State) -> Result<(), InstanceError> {
        // A URL from the environment may hold a password.
        write_private(&self.state_file(), state)
    }

    /// Removes the state file.
    pub fn remove_state(&self) -> Result<(), InstanceError> {
        let file = self.state_file();
        match fs::remove_file(&file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(InstanceError::File { file, source: error })
            }
            _ => Ok(()),
        }
    }
}

/// Reads the keys in a folder, if there are any.
pub fn read_keys(folder: &Path) -> Result<Option<Variables>, InstanceError> {
    read(&folder.join("keys.json"))
}

/// Writes the keys to a file that only we can read.
pub fn write_keys(folder: &Path, keys: &Variables) -> Result<(), InstanceError> {
    write_private(&folder.join("keys.json"), keys)
}

/// Reads the environment of the instance whose folder this is.
pub fn read_environment(folder: &Path) -> Result<Option<Variables>, InstanceError> {
    read(&folder.join("environment.json"))
}

/// Writes the environment, keys included, for `cargo local env`.
pub fn write_environment(folder: &Path, variables: &Variables) -> Result<(), InstanceError> {
    write_private(&folder.join("environment.json"), variables)
}

fn read<T: DeserializeOwned>(file: &Path) -> Result<Option<T>, InstanceError> {
    match fs::read(file) {
        Ok(text) => serde_json::from_slice(&text)
            .map(Some)
            .map_err(|source| InstanceError::Damaged { file: file.to_owned(), source }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(InstanceError::File { file: file.to_owned(), source }),
    }
}

/// Writes another file and renames it, so that no reader sees half a file.
fn write_private<T: Serialize>(file: &Path, value: &T) -> Result<(), InstanceError> {
    let write = || -> io::Result<()> {
        let partial = file.with_extension("partial");
        match fs::remove_file(&partial) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut to = File::options().create_new(true).write(true).mode(0o600).open(&partial)?;
        to.write_all(&serde_json::to_vec_pretty(value)?)?;
        fs::rename(&partial, file)
    };
    write().map_err(|source| InstanceError::File { file: file.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_locks_an_instance() -> Result<(), Box<dyn std::error::Error>> {
        let folder = std::env::temp_dir().join(format!("local-instance-{}", std::process::id()));
        let instance = Instance { port: 1, folder: folder.clone() };
        assert!(matches!(instance.status()?, Status::Stopped));
        let lock = instance.lock()?;
        assert!(matches!(instance.lock(), Err(InstanceError::AlreadyRunning { .. })));
        let ours = Some(std::process::id());
        assert!(matches!(instance.status()?, Status::Starting { pid } if pid == ours));
        // The state of a killed instance does not outlive its lock.
        drop(lock);
        assert!(matches!(instance.status()?, Status::Stopped));
        fs::remove_dir_all(folder)?;
        Ok(())
    }
}
