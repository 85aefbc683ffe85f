//! The key directory as libsignal uses it, the library in the apps: each test plays a scenario
//! of `tests/signal`, whose clients sign up over HTTP and write to each other. Needs Node.js
//! and npm; where either is not on the PATH the tests are skipped, and say so, except in CI.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tests::Service;
use tokio::sync::OnceCell;
use tokio::time::timeout;

/// Seconds, really; but machines are busy.
const PLAY_LIMIT: Duration = Duration::from_mins(2);
const INSTALL_LIMIT: Duration = Duration::from_mins(5);

/// How `npm ci` went, once for all tests.
static INSTALLED: OnceCell<Result<(), String>> = OnceCell::const_new();

#[tokio::test]
async fn every_device_of_two_users_writes_to_every_other() {
    play("sessions").await;
}

#[tokio::test]
async fn a_session_begins_without_one_time_keys() {
    play("exhausted").await;
}

#[tokio::test]
async fn a_key_that_the_server_swaps_is_caught() {
    play("swapped").await;
}

#[tokio::test]
async fn rotated_keys_begin_sessions_and_old_messages_arrive() {
    play("rotated").await;
}

#[tokio::test]
async fn a_sender_learns_which_devices_came_went_or_are_new() {
    play("changed").await;
}

/// Plays a scenario against a service of its own.
async fn play(scenario: &str) {
    if let Some(missing) = ["node", "npm"].into_iter().find(|program| !is_on_path(program)) {
        assert!(
            std::env::var_os("CI").is_none(),
            "{missing} is missing, and CI plays all scenarios"
        );
        // Not by a macro, whose words the test's harness would keep to itself.
        let _ =
            writeln!(io::stderr(), "SKIPPED: {scenario}.mjs was NOT played, {missing} is missing");
        return;
    }
    if let Err(output) = INSTALLED.get_or_init(install).await {
        panic!("npm ci: {output}");
    }
    let service = Service::with(&[("RATE_LIMITS", "off")]).await;
    let mut node = Command::new("node");
    node.arg(format!("{scenario}.mjs")).arg(service.listen().await);
    if let Err(output) = run(node, PLAY_LIMIT).await {
        panic!("{scenario}.mjs: {output}");
    }
}

fn folder() -> PathBuf {
    local::paths::workspace().join("tests/signal")
}

fn is_on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Installs what `package-lock.json` names, unless it is there. That file is also the lock
/// that keeps other runs in this checkout away meanwhile.
async fn install() -> Result<(), String> {
    let wanted = folder().join("package-lock.json");
    let installed = folder().join("node_modules/.installed");
    let lock = File::open(&wanted).expect("package-lock.json");
    let lock = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock)).await;
    let _lock = lock.expect("it is waited for").expect("a lock");
    let wanted = fs::read(wanted).expect("package-lock.json");
    if fs::read(&installed).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    let ci = || {
        let mut npm = Command::new("npm");
        // libsignal comes built; its script only says how to build it.
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
        run(npm, INSTALL_LIMIT)
    };
    if ci().await.is_err() {
        // A registry may have a bad moment.
        ci().await?;
    }
    // The last thing that is written: without it, it is all done again.
    fs::write(installed, wanted).expect("node_modules is there");
    Ok(())
}

/// Ends with us, whatever becomes of us.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a program, which must end well and in time; gives what it wrote if it does not.
async fn run(mut command: Command, limit: Duration) -> Result<(), String> {
    let (mut reader, writer) = io::pipe().expect("a pipe");
    command.current_dir(folder()).stdin(Stdio::null());
    command.stdout(writer.try_clone().expect("a pipe")).stderr(writer);
    let mut running = Running(command.spawn().expect("it starts"));
    // Our ends of the pipe go, so that its end is the program's.
    drop(command);
    let mut output = tokio::task::spawn_blocking(move || {
        let mut bytes = Vec::new();
        let _ = reader.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    });
    if let Ok(output) = timeout(limit, &mut output).await {
        let status = running.0.wait().expect("it has ended");
        let output = output.expect("it is read");
        return if status.success() { Ok(()) } else { Err(format!("{status}\n{output}")) };
    }
    drop(running);
    Err(format!("not done in {limit:?}\n{}", output.await.expect("it is read")))
}
