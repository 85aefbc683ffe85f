//! Messages for the person who waits.

use std::io::{self, Write as _};

/// Prints one line on stderr. A test's output capture does not hold it back: an installation
/// takes minutes, and a silent one looks like a hang.
pub fn print_progress(line: &str) {
    // A closed stderr is no reason to stop.
    let _ = writeln!(io::stderr().lock(), "local: {line}");
}
