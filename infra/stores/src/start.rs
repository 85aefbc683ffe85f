//! What the starts of both servers share: ports, time limits, and the reason of a failure.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::error::StoreError;

/// How often a start is repeated when another process took its port first.
const PORT_ATTEMPTS: u32 = 10;
/// How long a server may take to be ready: kept data may have to be recovered.
pub(crate) const READY_LIMIT: Duration = Duration::from_mins(2);
/// How often a starting server is polled.
pub(crate) const READY_POLL: Duration = Duration::from_millis(5);
/// How long a server of an earlier run may take to exit.
pub(crate) const EARLIER_LIMIT: Duration = Duration::from_secs(35);

/// The result of a start that did not fail for good.
pub(crate) enum Start<T> {
    Ready(T),
    PortTaken,
}

/// Starts on the requested port, or on free ports until one of them is not taken.
pub(crate) fn on_a_port<T>(
    product: &'static str,
    requested: Option<u16>,
    mut start: impl FnMut(u16) -> Result<Start<T>, StoreError>,
) -> Result<T, StoreError> {
    let mut last = 0;
    for _ in 0..PORT_ATTEMPTS {
        last = match requested {
            Some(port) => port,
            None => free_port()?,
        };
        let taken = requested.is_some() && TcpListener::bind((Ipv4Addr::LOCALHOST, last)).is_err();
        if !taken && let Start::Ready(store) = start(last)? {
            return Ok(store);
        }
        // A port that a process just released may need a moment.
        thread::sleep(Duration::from_millis(50));
    }
    Err(StoreError::PortTaken { product, port: last })
}

/// A port that is free now. Another process may take it before the server does.
pub(crate) fn free_port() -> Result<u16, StoreError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|source| StoreError::Io { what: "find a free port".to_owned(), source })
}

/// The server was not ready in time.
pub(crate) fn not_ready(product: &'static str, log: &Path) -> StoreError {
    StoreError::NotReady { product, seconds: READY_LIMIT.as_secs(), reason: reason(log) }
}

/// The line of a server's log that best says why it exited.
pub(crate) fn reason(log: &Path) -> String {
    let Ok(text) = fs::read(log) else {
        return format!("see {}", log.display());
    };
    let text = String::from_utf8_lossy(&text);
    let lines = || text.lines().rev().filter(|line| !line.trim().is_empty());
    let fault = lines()
        .find(|line| ["FATAL", "PANIC", "rror"].iter().any(|word| line.contains(word)))
        .or_else(|| lines().next());
    match fault {
        Some(line) => line.trim().to_owned(),
        None => "its log is empty".to_owned(),
    }
}

/// Whether a server exited because its port was taken.
pub(crate) fn port_was_taken(log: &Path) -> bool {
    fs::read(log).is_ok_and(|text| {
        let text = String::from_utf8_lossy(&text);
        text.contains("Address already in use") || text.contains("Failed listening on port")
    })
}
