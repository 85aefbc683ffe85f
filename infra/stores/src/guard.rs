//! The guard: a small shell between us and a server. It stops the server when our process
//! ends, even if our process is killed.
//!
//! A parent-death signal does not work: it follows the thread that spawned the child, and it
//! is cleared when the child changes its user. A pipe works: the kernel closes our end even
//! after SIGKILL, and the guard reads end-of-file. The guard is the server's parent, so a
//! process id that it signals cannot belong to another process by then. See
//! docs/adr/0018-postgres-and-redis-are-started-by-our-own-code.md.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::account::Account;

/// Starts the server, prints its process id, then reads commands from stdin: `keep` (do not
/// remove the folder), the name of another stop signal, or end-of-file, which stops the server.
///
/// The server inherits the guard's stdout: when that pipe closes, the server has exited.
const SCRIPT: &str = r#"
signal=$1 folder=$2
shift 2
"$@" </dev/null &
server=$!
trap '' HUP INT TERM
echo "$server"
exec >/dev/null
while read -r command; do
    case $command in
        keep) folder= ;;
        *) signal=$command ;;
    esac
done
kill -"$signal" "$server" 2>/dev/null
kill -CONT "$server" 2>/dev/null
turns=0
while kill -0 "$server" 2>/dev/null; do
    turns=$((turns + 1))
    [ "$turns" -eq 600 ] && kill -KILL "$server"
    sleep 0.05
done
wait "$server"
status=$?
[ -n "$folder" ] && rm -rf -- "$folder"
exit "$status"
"#;

/// What a guard starts, and how it stops it.
pub(crate) struct Plan<'a> {
    pub program: &'a Path,
    pub arguments: Vec<OsString>,
    /// Another user to run as; `None` is our own.
    pub account: Option<&'a Account>,
    /// Gets the server's stderr, and the guard's.
    pub log: &'a Path,
    /// The signal that asks this server to stop, without `SIG`.
    pub stop_signal: &'static str,
    /// A folder to remove after the server has exited.
    pub remove: Option<PathBuf>,
}

/// How to stop a server.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum StopMode {
    /// Send the stop signal; remove the folder if the plan says so.
    Stop,
    /// Send the stop signal, or wait if it exited by itself; keep the folder.
    StopAndKeep,
    /// Send this signal instead; keep the folder.
    Signal(&'static str),
}

/// A server and the guard it runs under. Dropping it stops the server.
pub(crate) struct Guard {
    child: Child,
    commands: Option<ChildStdin>,
    server: u32,
    exited: Arc<AtomicBool>,
    remove: Option<PathBuf>,
}

impl Guard {
    pub fn start(plan: Plan<'_>) -> io::Result<Self> {
        let log = File::options().create(true).append(true).open(plan.log)?;
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", SCRIPT, "guard", plan.stop_signal])
            .arg(plan.remove.as_deref().unwrap_or(Path::new("")))
            .arg(plan.program)
            .args(plan.arguments)
            // A folder that every user can enter and that always exists.
            .current_dir("/")
            // We read its messages, so they must not be translated.
            .env("LC_ALL", "C")
            .env_remove("PGDATA")
            .env_remove("PGPORT")
            .env_remove("PGHOST")
            .env_remove("PGOPTIONS")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            // Ctrl-C at the terminal reaches only our process, which stops the servers in order.
            .process_group(0);
        if let Some(account) = plan.account {
            command.uid(account.uid).gid(account.gid);
        }
        let mut child = command.spawn()?;
        let commands = child.stdin.take();
        let mut output = BufReader::new(child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?);
        let mut line = String::new();
        output.read_line(&mut line)?;
        let server = line.trim().parse().map_err(|_| {
            io::Error::other(format!("the guard answered {line:?}, not a process id"))
        })?;

        let exited = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&exited);
        thread::spawn(move || {
            let mut unread = [0; 1024];
            // An error means the same as the end of the pipe.
            while matches!(output.read(&mut unread), Ok(read) if read > 0) {}
            flag.store(true, Ordering::Release);
        });

        Ok(Self { child, commands, server, exited, remove: plan.remove })
    }

    /// The guard's own process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The server's process id.
    pub const fn server(&self) -> u32 {
        self.server
    }

    pub fn has_exited(&self) -> bool {
        self.exited.load(Ordering::Acquire)
    }

    /// Waits until the server has exited by itself; false if it has not within the limit.
    pub fn wait_for_exit(&self, limit: Duration) -> bool {
        let start = Instant::now();
        while !self.has_exited() {
            if start.elapsed() > limit {
                return false;
            }
            thread::sleep(Duration::from_millis(5));
        }
        true
    }

    pub fn signal(&self, signal: Signal) {
        if let (false, Some(pid)) = (self.has_exited(), process(self.server)) {
            // A server that has exited needs no signal.
            let _ = kill_process(pid, signal);
        }
    }

    /// Stops the server and waits for it; true if its exit status is 0. A second call does
    /// nothing.
    pub fn stop(&mut self, how: StopMode) -> bool {
        let Some(mut commands) = self.commands.take() else {
            return false;
        };
        let text = match how {
            StopMode::Stop => String::new(),
            StopMode::StopAndKeep => "keep\n".to_owned(),
            StopMode::Signal(name) => format!("keep\n{name}\n"),
        };
        // A guard that has exited is noticed below.
        let _ = commands.write_all(text.as_bytes());
        drop(commands);
        let Ok(status) = self.child.wait() else {
            return false;
        };
        if status.signal().is_some() {
            // The guard was killed, so its work is done here.
            self.signal(Signal::KILL);
        }
        // The pipe has closed by now; the thread that reads it may not have noticed yet, and
        // `has_exited` must be true after this.
        self.wait_for_exit(Duration::from_secs(10));
        if status.signal().is_some()
            && let (StopMode::Stop, Some(folder)) = (how, &self.remove)
        {
            let _ = std::fs::remove_dir_all(folder);
        }
        status.success()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.stop(StopMode::Stop);
    }
}

/// A process id as rustix has it.
pub(crate) fn process(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}

/// The processes that this one has started and that still run.
pub(crate) fn children(parent: u32) -> Vec<Pid> {
    let Ok(output) = Command::new("ps").args(["-A", "-o", "pid=,ppid="]).output() else {
        return Vec::new();
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let numbers = text.lines().filter_map(|line| {
        let mut numbers = line.split_whitespace().filter_map(|number| number.parse::<u32>().ok());
        numbers.next().zip(numbers.next())
    });
    numbers.filter(|(_, of)| *of == parent).filter_map(|(pid, _)| process(pid)).collect()
}

/// Whether a process of this id runs whose program's name contains `name`: an id in an old
/// file may belong to another program by now.
pub(crate) fn runs(pid: u32, name: &str) -> bool {
    let output = Command::new("ps").args(["-o", "comm=", "-p", &pid.to_string()]).output();
    output.is_ok_and(|output| {
        output.status.success() && String::from_utf8_lossy(&output.stdout).contains(name)
    })
}
