//! Where the checkout is.

use std::path::{Path, PathBuf};

/// The workspace's root.
#[must_use]
pub fn workspace() -> PathBuf {
    // infra/stores, two folders down. A moved checkout is compiled again, so this holds.
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap_or(package).to_path_buf()
}

/// The folder for everything that may be deleted.
#[must_use]
pub fn target() -> PathBuf {
    workspace().join("target")
}
