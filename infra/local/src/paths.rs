//! The folders of this checkout.

use std::path::{Path, PathBuf};

/// The workspace's root.
#[must_use]
pub fn workspace() -> PathBuf {
    // infra/local is two folders below it. A checkout that moves is built again.
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap_or(package).to_path_buf()
}

/// The build folder. Everything in it may be deleted.
#[must_use]
pub fn target() -> PathBuf {
    workspace().join("target")
}
