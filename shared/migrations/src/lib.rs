//! Applies and reverts the numbered SQL files of migrations/, while the service runs.
//!
//! `V0001__name.sql` applies a migration and `V0001__name.down.sql` reverts it. The first line
//! of a file says how it is executed ([`Mode`]); docs/migrations.md says which to choose, and
//! docs/adr/0019-our-own-migration-runner.md why the runner is our own. The files are read at
//! run time, so a new file needs no build. A function has no folder: [`packed`] runs the files that
//! the build has packed.
//!
//! | file | what it holds |
//! |---|---|
//! | `runner` | [`Runner`]: one run at a time, the order of migrations, what is refused |
//! | `execute` | executes one file: in a transaction, statement by statement, or in batches |
//! | `settings` | [`Settings`]: how long a statement may wait, and how often it is repeated |
//! | `file` | the folder: names, checksums, modes |
//! | `sql` | splits a file into statements |
//! | `roles` | the role of the functions |
//! | `history` | the table `public.schema_migrations` |
//! | `database` | connections |
//! | `error` | [`MigrationError`] |

mod database;
mod error;
mod execute;
mod file;
mod history;
mod roles;
mod runner;
mod settings;
mod sql;

use std::path::{Path, PathBuf};

pub use database::{Database, create_database};
pub use error::MigrationError;
pub use file::{Mode, PackedFile};
pub use history::Migration;
pub use runner::Runner;
pub use settings::Settings;

/// A runner of the repository's migrations.
#[must_use]
pub fn repository() -> Runner {
    Runner::new(folder())
}

/// The files of the repository as they were when this was built, by name.
pub const PACKED: &[PackedFile] = include!(concat!(env!("OUT_DIR"), "/packed.rs"));

/// A runner of the files that the build has packed. It reads no folder.
#[must_use]
pub fn packed() -> Runner {
    Runner { packed: Some(PACKED), ..Runner::new(PathBuf::new()) }
}

/// Applies the pending migrations of the repository and returns them, oldest first.
pub async fn run(database: impl Into<Database<'_>>) -> Result<Vec<Migration>, MigrationError> {
    repository().run(database).await
}

/// Reverts the newest applied migration and returns it; `None` if none is applied.
pub async fn revert(
    database: impl Into<Database<'_>>,
) -> Result<Option<Migration>, MigrationError> {
    repository().revert(database).await
}

/// The folder of the repository's migrations.
#[must_use]
pub fn folder() -> PathBuf {
    // shared/migrations is two folders below the root. A checkout that moves is built again.
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap_or(package).join("migrations")
}
