//! The service in a process of its own: the bench and the soak start their own program again
//! with the argument `serve`.

use axum::Router;
use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;
use tokio::net::TcpListener;

/// A running service. Dropping it kills it (SIGKILL).
pub struct Process {
    pub port: u16,
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Process {
    /// Starts the program, which calls [`serve`].
    pub fn start(program: &Path, variables: &HashMap<String, String>) -> Self {
        let mut child = Command::new(program)
            .arg("serve")
            .envs(variables)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the service starts");
        let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
        let port = read_line(&mut output).parse().expect("a port");
        Self { port, child, output }
    }

    /// The line that it answers.
    pub fn ask(&mut self) -> String {
        let questions = self.child.stdin.as_mut().expect("a pipe");
        questions.write_all(b"?\n").expect("the service listens");
        read_line(&mut self.output)
    }

    /// A number of kilobytes from its `/proc/{pid}/status`, where the system has that.
    #[must_use]
    pub fn kilobytes(&self, field: &str) -> Option<u64> {
        kilobytes(&self.child.id().to_string(), field)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended by itself needs no signal.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_line(output: &mut BufReader<ChildStdout>) -> String {
    let mut line = String::new();
    output.read_line(&mut line).expect("the service answers");
    line.trim().to_owned()
}

/// A number of kilobytes from `/proc/{process}/status`.
#[must_use]
pub fn kilobytes(process: &str, field: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse().ok()
}

/// CPU time of a thread, or of a process' first one, from its folder in `/proc`. Linux counts nanoseconds.
#[must_use]
pub fn cpu_time(folder: &Path) -> Option<Duration> {
    let text = std::fs::read_to_string(folder.join("schedstat")).ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

/// The child: prints its port, serves, and answers each line of its input. It ends with its
/// input, so with its parent.
pub async fn serve(router: Router, answer: fn() -> String) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    println!("{}", listener.local_addr().expect("an address").port());
    std::thread::spawn(move || {
        for _ in std::io::stdin().lines().map_while(Result::ok) {
            println!("{}", answer());
        }
        std::process::exit(0);
    });
    let peer = local::service::set_client_connection;
    local::gateway::serve(listener, router, peer, std::future::pending()).await;
}

/// The environment of a child. Limits on how often one may ask are lifted, and the answer to an
/// OTP request tells its code: the message is sent all the same.
#[must_use]
pub fn variables(
    database_url: &str,
    redis_url: &str,
    more: &[(&str, &str)],
) -> HashMap<String, String> {
    let mut variables: HashMap<_, _> = local::service::new_keys().into_iter().collect();
    let all = [
        ("STAGE", "local"),
        ("DATABASE_URL", database_url),
        ("REDIS_URL", redis_url),
        ("RATE_LIMITS", "off"),
        ("DEMO_MODE", "true"),
    ];
    let all = all.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    variables.extend(all);
    variables
}
