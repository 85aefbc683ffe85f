//! The guard: a small shell between us and a server that ends the server when
//! we end, however we end.
//!
//! A parent-death signal will not do: it follows the thread that spawned the
//! child and is cleared when the child changes its user. A pipe will: the
//! kernel closes our end even after SIGKILL, and the guard reads end-of-file.
//! The guard is the server's parent, so a process id it signals can never have
//! gone to another process.

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

/// Starts the server, prints its process id, then waits for orders on stdin:
/// `keep` (do not remove the folder), the name of another stop signal, or the
/// end of file, which stops the server.
///
/// The server keeps the guard's stdout: when that pipe ends, the server has.
const SCRIPT: &str = r#"
signal=$1 folder=$2
shift 2
"$@" </dev/null &
server=$!
trap '' HUP INT TERM
echo "$server"
exec >/dev/null
while read -r order; do
    case $order in
        keep) folder= ;;
        *) signal=$order ;;
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

/// What a guard starts, and how it ends it.
pub(crate) struct Plan<'a> {
    pub program: &'a Path,
    pub arguments: Vec<OsString>,
    /// Another user to run as; `None` is our own.
    pub account: Option<&'a Account>,
    /// Gets the server's stderr, and the guard's.
    pub log: &'a Path,
    /// The signal that asks this server to stop, without `SIG`.
    pub stop_signal: &'static str,
    /// A folder to remove once the server has ended.
    pub remove: Option<PathBuf>,
}

/// How to end a server.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Ask it to stop; remove the folder, if the plan says so.
    Stop,
    /// Ask it to stop, or wait for it if it ended by itself; keep the folder.
    StopAndKeep,
    /// Send this signal instead; keep the folder.
    Signal(&'static str),
}

/// A server and the guard it runs under. Dropping it stops the server.
pub(crate) struct Guard {
    child: Child,
    orders: Option<ChildStdin>,
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
            // A folder that every user can enter, and that nobody removes.
            .current_dir("/")
            // Messages are read back; they must not be translated.
            .env("LC_ALL", "C")
            .env_remove("PGDATA")
            .env_remove("PGPORT")
            .env_remove("PGHOST")
            .env_remove("PGOPTIONS")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            // Ctrl-C at the terminal is for us alone; we stop the rest in order.
            .process_group(0);
        if let Some(account) = plan.account {
            command.uid(account.uid).gid(account.gid);
        }
        let mut child = command.spawn()?;
        let orders = child.stdin.take();
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
            // Interrupted reads aside, an error tells the same as the end.
            while matches!(output.read(&mut unread), Ok(read) if read > 0) {}
            flag.store(true, Ordering::Release);
        });

        Ok(Self { child, orders, server, exited, remove: plan.remove })
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

    /// Waits until the server has ended by itself; false when it has not in time.
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
            // A server that is gone needs no signal.
            let _ = kill_process(pid, signal);
        }
    }

    /// Ends the server and waits for it; true if it ended without a fault.
    /// A second call does nothing.
    pub fn end(&mut self, end: End) -> bool {
        let Some(mut orders) = self.orders.take() else {
            return false;
        };
        let text = match end {
            End::Stop => String::new(),
            End::StopAndKeep => "keep\n".to_owned(),
            End::Signal(name) => format!("keep\n{name}\n"),
        };
        // A guard that is gone is seen below.
        let _ = orders.write_all(text.as_bytes());
        drop(orders);
        let Ok(status) = self.child.wait() else {
            return false;
        };
        if status.signal().is_some() {
            // Somebody killed the guard: its work falls to us.
            self.signal(Signal::KILL);
            self.wait_for_exit(Duration::from_secs(10));
            if let (End::Stop, Some(folder)) = (end, &self.remove) {
                let _ = std::fs::remove_dir_all(folder);
            }
        }
        status.success()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.end(End::Stop);
    }
}

/// A process id as rustix has it.
pub(crate) fn process(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}

/// Whether a process of this id runs whose program's name contains `name`: an
/// id in an old file may have gone to a stranger since.
pub(crate) fn runs(pid: u32, name: &str) -> bool {
    let output = Command::new("ps").args(["-o", "comm=", "-p", &pid.to_string()]).output();
    output.is_ok_and(|output| {
        output.status.success() && String::from_utf8_lossy(&output.stdout).contains(name)
    })
}
