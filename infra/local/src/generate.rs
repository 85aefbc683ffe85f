//! `cargo local generate`: writes what follows from the code. Tests compare each file with
//! the code, and name this command when one is stale.
//!
//! | file | what is written |
//! |---|---|
//! | infra/openapi.json | the description of the API |
//! | Cargo.toml | the routes of `cargo lambda watch`, between two marker lines |
//! | docs/configuration.md | all variables, and the functions that read them |
//! | events/{operation}.json | a first event of an operation that has none |

use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::{Error, configuration, paths, service};

const ROUTES_BEGIN: &str = "# ── written by `cargo local generate` ──\n";
const ROUTES_END: &str = "# ── end ──\n";

/// Writes all of it; returns the paths that have changed.
pub async fn generate() -> Result<Vec<String>, Error> {
    let mut changed = Vec::new();
    write("infra/openapi.json", &service::openapi_json(), &mut changed)?;
    write("Cargo.toml", &with_watch_routes(&read("Cargo.toml")?), &mut changed)?;
    let readers = service::variables_read().await?;
    write("docs/configuration.md", &configuration::markdown(&readers), &mut changed)?;
    for operation in operations() {
        let path = format!("events/{}.json", operation.id);
        if !paths::workspace().join(&path).exists() {
            write(&path, &event(&operation), &mut changed)?;
        }
    }
    Ok(changed)
}

fn file_error(file: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let file = file.to_owned();
    move |source| Error::File { file, source }
}

fn read(path: &str) -> Result<String, Error> {
    let file = paths::workspace().join(path);
    fs::read_to_string(&file).map_err(file_error(&file))
}

fn write(path: &str, text: &str, changed: &mut Vec<String>) -> Result<(), Error> {
    let file = paths::workspace().join(path);
    if fs::read_to_string(&file).is_ok_and(|present| present == text) {
        return Ok(());
    }
    fs::write(&file, text).map_err(file_error(&file))?;
    changed.push(path.to_owned());
    Ok(())
}

/// One operation of one function.
struct Operation {
    id: String,
    method: String,
    path: String,
}

fn operations() -> Vec<Operation> {
    let document = serde_json::to_value(service::openapi()).unwrap_or_default();
    let paths = document["paths"].as_object().into_iter().flatten();
    let all = paths.flat_map(|(path, item)| {
        item.as_object().into_iter().flatten().map(|(method, operation)| Operation {
            id: operation["operationId"].as_str().unwrap_or_default().to_owned(),
            method: method.to_uppercase(),
            path: path.clone(),
        })
    });
    all.collect()
}

/// The routes of `cargo lambda watch`: a line for each path. The function that has a path
/// answers its other methods with 405 itself; `platform` answers everything else.
#[must_use]
pub fn watch_routes() -> String {
    let mut routes = String::new();
    for (function, document) in service::documents() {
        for path in document.paths.paths.keys() {
            let _ = writeln!(routes, "\"{path}\" = \"{function}\"");
        }
    }
    for rest in ["/auth/swagger/{*rest}", "/", "/{*rest}"] {
        let _ = writeln!(routes, "\"{rest}\" = \"platform\"");
    }
    routes
}

/// The manifest with the routes between its two marker lines.
#[must_use]
pub fn with_watch_routes(manifest: &str) -> String {
    let Some((before, rest)) = manifest.split_once(ROUTES_BEGIN) else {
        return manifest.to_owned();
    };
    let after = rest.split_once(ROUTES_END).map_or("", |(_, after)| after);
    format!("{before}{ROUTES_BEGIN}{}{ROUTES_END}{after}", watch_routes())
}

/// An API Gateway event (payload 2.0) that reaches the operation, to be completed by hand.
fn event(operation: &Operation) -> String {
    let Operation { method, path, .. } = operation;
    let parameters: Vec<&str> = path
        .split('/')
        .filter_map(|part| part.strip_prefix('{').and_then(|part| part.strip_suffix('}')))
        .collect();
    let id = "00000000-0000-4000-8000-000000000000";
    let raw =
        parameters.iter().fold(path.clone(), |path, name| path.replace(&format!("{{{name}}}"), id));
    let route = format!("{method} {path}");
    let given: serde_json::Map<String, Value> =
        parameters.iter().map(|name| ((*name).to_owned(), json!(id))).collect();
    let mut event = json!({
        "version": "2.0",
        "routeKey": route,
        "rawPath": raw,
        "rawQueryString": "",
        "headers": { "content-type": "application/json", "host": "api.example.com" },
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api",
            "domainName": "api.example.com",
            "http": {
                "method": method,
                "path": raw,
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.7",
                "userAgent": "okhttp/4.12.0",
            },
            "requestId": "generated",
            "routeKey": route,
            "stage": "$default",
            "time": "22/Nov/2026:00:00:00 +0000",
            "timeEpoch": 1_795_305_600_000_i64,
        },
        "isBase64Encoded": false,
    });
    if !given.is_empty() {
        event["pathParameters"] = Value::Object(given);
    }
    if method != "GET" {
        event["body"] = json!("{}");
    }
    let mut text = serde_json::to_string_pretty(&event).unwrap_or_default();
    text.push('\n');
    text
}
