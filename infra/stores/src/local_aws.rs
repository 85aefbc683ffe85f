//! A local AWS (ministack, from PyPI): Secrets Manager, SNS, DynamoDB, Lambda, API Gateway and
//! more over one address of 127.0.0.1, for tests.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::account::temporary_folder;
use crate::error::StoreError;
use crate::guard::{Guard, Plan};
use crate::install::python_package;
use crate::start::{READY_LIMIT, READY_POLL, Start, not_ready, on_a_port, port_was_taken, reason};

const NAME: &str = "ministack";
const REQUIREMENT: &str = "ministack==1.5.33";
const HEALTH: &str = "/_ministack/health";
/// What its health shows as `edition`, so that it is told from a server of another process on the
/// same port: that one may answer while ours still starts, and finds its port taken.
const MARK: &str = "MINISTACK_EDITION";

/// What clients need to reach it: any credentials do.
pub const REGION: &str = "eu-west-1";
pub const ACCESS_KEY_ID: &str = "test";
pub const SECRET_ACCESS_KEY: &str = "test";

/// A running local AWS; dropping it stops it and deletes what it holds.
pub struct LocalAws {
    _guard: Guard,
    port: u16,
}

impl LocalAws {
    /// Installs and starts it; ready when this returns.
    pub fn start() -> Result<Self, StoreError> {
        Self::start_with(&[])
    }

    /// The same with variables of its own, `REDIS_HOST` and `REDIS_PORT` for example.
    pub fn start_with(variables: &[(&str, &str)]) -> Result<Self, StoreError> {
        let packages = python_package(REQUIREMENT)
            .map_err(|tried| StoreError::Missing { product: NAME.to_owned(), tried })?;
        on_a_port(NAME, None, |port| run(&packages, port, variables))
    }

    /// The address of all its services, for `AWS_ENDPOINT_URL`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }
}

fn run(
    packages: &Path,
    port: u16,
    variables: &[(&str, &str)],
) -> Result<Start<LocalAws>, StoreError> {
    let folder = temporary_folder("aws")?;
    let log = folder.join("ministack.log");
    // No other folder has this name.
    let mark = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut arguments: Vec<String> = [
        format!("PYTHONPATH={}", packages.display()),
        format!("TMPDIR={}", folder.display()),
        format!("GATEWAY_PORT={port}"),
        format!("AWS_ENDPOINT_URL=http://127.0.0.1:{port}"),
        format!("MINISTACK_REGION={REGION}"),
        format!("{MARK}={mark}"),
        "MINISTACK_HOST=127.0.0.1".to_owned(),
        "BIND_HOST=127.0.0.1".to_owned(),
        "IOT_MTLS_ENABLED=0".to_owned(),
        "PYTHONDONTWRITEBYTECODE=1".to_owned(),
    ]
    .into();
    arguments.extend(variables.iter().map(|(name, value)| format!("{name}={value}")));
    arguments.extend(["python3", "-m", "ministack"].map(str::to_owned));
    let guard = Guard::start(Plan {
        program: Path::new("/usr/bin/env"),
        arguments: arguments.into_iter().map(Into::into).collect(),
        account: None,
        log: &log,
        stop_signal: "TERM",
        remove: Some(folder.clone()),
    })
    .map_err(|source| StoreError::Io { what: format!("start {NAME}"), source })?;
    wait_until_ready(guard, port, &mark, &log)
}

fn wait_until_ready(
    guard: Guard,
    port: u16,
    mark: &str,
    log: &Path,
) -> Result<Start<LocalAws>, StoreError> {
    let start = Instant::now();
    loop {
        if is_healthy(port, mark) {
            return Ok(Start::Ready(LocalAws { _guard: guard, port }));
        }
        if guard.has_exited() {
            if port_was_taken(log) {
                return Ok(Start::PortTaken);
            }
            let reason = reason(log);
            return Err(StoreError::Exited { product: NAME, doing: "started", reason });
        }
        if start.elapsed() > READY_LIMIT {
            return Err(not_ready(NAME, log));
        }
        thread::sleep(READY_POLL * 10);
    }
}

/// Whether the server with this mark answers on a port.
fn is_healthy(port: u16, mark: &str) -> bool {
    let ask = || -> std::io::Result<String> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        write!(stream, "GET {HEALTH} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| {
        answer.starts_with("HTTP/1.1 200") && answer.contains(&format!("\"{mark}\""))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn the_server_of_another_process_is_not_taken_for_ours() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = thread::spawn(move || {
            for stream in listener.incoming().take(2) {
                let mut stream = stream.unwrap();
                // All of the request: what is closed before that resets the connection.
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    stream.read_exact(&mut byte).unwrap();
                    request.extend(byte);
                }
                let answer = "HTTP/1.1 200 OK\r\n\r\n{\"edition\": \"local-aws-1\"}";
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        assert!(!is_healthy(port, "local-aws-2"));
        assert!(is_healthy(port, "local-aws-1"));
        server.join().unwrap();
    }
}
