//! What a person who waits is shown.

use std::io::{self, Write};

/// Prints what is being done, past a test's capture too: an installation takes minutes.
pub fn progress(line: &str) {
    // An output that nobody reads is no reason to stop.
    let _ = writeln!(io::stderr().lock(), "local: {line}");
}
