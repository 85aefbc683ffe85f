//! Scenarios that Node.js plays against a service of this process: a folder with a `package.json`,
//! and a script for each. Where a program is missing the tests are skipped, and say so, except
//! in CI.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::sync::OnceCell;
use tokio::time::timeout;

const INSTALL_LIMIT: Duration = Duration::from_mins(5);

/// The scripts of one folder.
pub struct Scenarios {
    folder: &'static str,
    /// How `npm ci` went, once for all tests.
    installed: OnceCell<Result<(), String>>,
}

impl Scenarios {
    pub const fn of(folder: &'static str) -> Self {
        Self { folder, installed: OnceCell::const_new() }
    }

    /// Whether the programs are there.
    ///
    /// # Panics
    /// If one is missing in CI.
    pub fn can_play(&self, scenario: &str, programs: &[&str]) -> bool {
        let Some(missing) = programs.iter().find(|program| find_on_path(program).is_none()) else {
            return true;
        };
        assert!(
            std::env::var_os("CI").is_none(),
            "{missing} is missing, and CI plays all scenarios"
        );
        // Not by a macro, whose words the test's harness would keep to itself.
        let _ = writeln!(
            io::stderr(),
            "SKIPPED: {}/{scenario}.mjs was NOT played, {missing} is missing",
            self.folder,
        );
        false
    }

    /// Plays a scenario, which must end well and in time.
    pub async fn play(&self, scenario: &str, arguments: &[&str], limit: Duration) {
        if let Err(output) = self.installed.get_or_init(|| self.install()).await {
            panic!("npm ci in {}: {output}", self.folder);
        }
        let mut node = Command::new("node");
        node.arg(format!("{scenario}.mjs")).args(arguments);
        if let Err(output) = self.run(node, limit).await {
            panic!("{scenario}.mjs: {output}");
        }
    }

    fn path(&self) -> PathBuf {
        local::paths::workspace().join(self.folder)
    }

    /// Installs what `package-lock.json` names, unless it is there. That file is also the lock
    /// that keeps other runs in this checkout away meanwhile.
    async fn install(&self) -> Result<(), String> {
        let wanted = self.path().join("package-lock.json");
        let installed = self.path().join("node_modules/.installed");
        let lock = File::open(&wanted).expect("package-lock.json");
        let lock = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock)).await;
        let _lock = lock.expect("it is waited for").expect("a lock");
        let wanted = fs::read(wanted).expect("package-lock.json");
        if fs::read(&installed).is_ok_and(|installed| installed == wanted) {
            return Ok(());
        }
        let ci = || {
            let mut npm = Command::new("npm");
            // What is needed comes built; a script would only say how to build it, or fetch more.
            npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
            self.run(npm, INSTALL_LIMIT)
        };
        if ci().await.is_err() {
            // A registry may have a bad moment.
            ci().await?;
        }
        // The last thing that is written: without it, it is all done again.
        fs::write(installed, wanted).expect("node_modules is there");
        Ok(())
    }

    /// Runs a program, which must end well and in time; gives what it wrote if it does not.
    async fn run(&self, mut command: Command, limit: Duration) -> Result<(), String> {
        let (mut reader, writer) = io::pipe().expect("a pipe");
        command.current_dir(self.path()).stdin(Stdio::null());
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
}

/// Ends with us, whatever becomes of us.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Where a program is.
pub fn find_on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}
