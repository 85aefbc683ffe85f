//! The files that are written from the code: infra/openapi.json, the watch routes in the root
//! Cargo.toml, docs/configuration.md, the tables of docs/security.md,
//! infra/internal-schemas, and a skeleton of the recorded event of
//! an operation that has none.
//!
//! `cargo local generate` writes them; a test compares them with the code.

mod access;
mod event;
mod operation;
mod watch;

pub use event::event;
pub use operation::{Operation, operations};

use std::fs;
use std::io;
use std::path::PathBuf;

use crate::{configuration, paths, service};

/// A generated file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeneratedFile {
    /// From the workspace's root.
    pub path: String,
    pub text: String,
}

#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    #[error("failed to use {}: {source}", file.display())]
    File { file: PathBuf, source: io::Error },
    #[error("failed to write an OpenAPI document as JSON: {0}")]
    Document(#[from] serde_json::Error),
    #[error(transparent)]
    Start(#[from] shared::core::StartError),
    #[error(transparent)]
    Watch(#[from] watch::WatchError),
    #[error("docs/security.md has no place for the tables of who may change an account")]
    AccessTables,
}

/// The generated files whose content on disk differs from the code.
pub async fn stale_files() -> Result<Vec<GeneratedFile>, GenerateError> {
    let operations = operations()?;
    let openapi =
        GeneratedFile { path: "infra/openapi.json".to_owned(), text: service::openapi_json() };
    let manifest = read("Cargo.toml")?.unwrap_or_default();
    let manifest = GeneratedFile {
        path: "Cargo.toml".to_owned(),
        text: watch::with_routes(&manifest, &operations)?,
    };
    let readers = service::variables_read().await?;
    let configuration = GeneratedFile {
        path: "docs/configuration.md".to_owned(),
        text: configuration::markdown(&readers),
    };
    let security = read("docs/security.md")?.unwrap_or_default();
    let security = GeneratedFile {
        path: "docs/security.md".to_owned(),
        text: access::with_tables(&security).ok_or(GenerateError::AccessTables)?,
    };
    let schemas = auth_client::schemas::schemas().into_iter().map(|(name, schema)| {
        let text = serde_json::to_string_pretty(&schema).map(|text| text + "\n");
        let path = format!("infra/internal-schemas/{name}.json");
        text.map(|text| GeneratedFile { path, text })
    });
    let schemas: Vec<GeneratedFile> = schemas.collect::<Result<_, _>>()?;
    let mut stale = Vec::new();
    for file in [openapi, manifest, configuration, security].into_iter().chain(schemas) {
        if read(&file.path)?.as_ref() != Some(&file.text) {
            stale.push(file);
        }
    }
    // A recorded event is edited by hand: only a missing one is written.
    let components = serde_json::to_value(service::openapi().components)?;
    for operation in &operations {
        let path = format!("events/{}.json", operation.id);
        if read(&path)?.is_none() {
            stale.push(GeneratedFile { path, text: event(operation, &components) });
        }
    }
    Ok(stale)
}

/// Writes a generated file.
pub fn write(file: &GeneratedFile) -> Result<(), GenerateError> {
    let to = paths::workspace().join(&file.path);
    fs::write(&to, &file.text).map_err(|source| GenerateError::File { file: to, source })
}

fn read(path: &str) -> Result<Option<String>, GenerateError> {
    let file = paths::workspace().join(path);
    match fs::read_to_string(&file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(GenerateError::File { file, source }),
    }
}
