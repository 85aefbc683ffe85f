//! Starting a server on a port, and why a start failed.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::error::StoreError;

/// How often a start is tried again when another process has taken its port.
const PORT_TRIES: u32 = 10;
/// How long a server may take to be ready: kept data may have to be recovered.
pub(crate) const READY_LIMIT: Duration = Duration::from_mins(2);
/// How often a starting server is checked.
pub(crate) const READY_PAUSE: Duration = Duration::from_millis(5);
/// How long a server of an earlier run may take to end.
pub(crate) const EARLIER_LIMIT: Duration = Duration::from_secs(35);

/// A port that is free now. It may be taken before it is used: try again then.
fn free_port() -> Result<u16, StoreError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|source| StoreError::Io { what: "find a free port".to_owned(), source })
}

/// The line of a server's log that says why it ended, as far as it can be told.
pub(crate) fn reason(log: &Path) -> String {
    let Ok(text) = fs::read(log) else {
        return format!("see {}", log.display());
    };
    let text = String::from_utf8_lossy(&text);
    let lines = || text.lines().rev().filter(|line| !line.trim().is_empty());
    let told = lines()
        .find(|line| ["FATAL", "PANIC", "rror"].iter().any(|word| line.contains(word)))
        .or_else(|| lines().next());
    match told {
        Some(line) => line.trim().to_owned(),
        None => "it said nothing".to_owned(),
    }
}

/// Whether a server ended because its port was taken.
pub(crate) fn port_was_taken(log: &Path) -> bool {
    fs::read(log).is_ok_and(|text| {
        let text = String::from_utf8_lossy(&text);
        text.contains("Address already in use") || text.contains("Failed listening on port")
    })
}

/// What a start came to, where it did not fail for good.
pub(crate) enum Start<T> {
    Ready(T),
    PortTaken,
}

/// Starts on the wanted port, or on free ones until one is not taken.
pub(crate) fn on_a_port<T>(
    product: &'static str,
    wanted: Option<u16>,
    mut start: impl FnMut(u16) -> Result<Start<T>, StoreError>,
) -> Result<T, StoreError> {
    let mut last = 0;
    for _ in 0..PORT_TRIES {
        last = match wanted {
            Some(port) => port,
            None => free_port()?,
        };
        let taken = wanted.is_some() && TcpListener::bind((Ipv4Addr::LOCALHOST, last)).is_err();
        if !taken && let Start::Ready(store) = start(last)? {
            return Ok(store);
        }
        // A port that was just left may need a moment; a taken one stays so.
        thread::sleep(Duration::from_millis(50));
    }
    Err(StoreError::PortTaken { product, port: last })
}
