//! What the house's own files say, read for the tests that compare them.

use http::Method;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use tests::contract::DOCUMENT;

/// A file of this checkout, whole.
pub fn read(path: &str) -> String {
    let file = local::paths::workspace().join(path);
    fs::read_to_string(&file).unwrap_or_else(|error| panic!("{path}: {error}"))
}

pub fn read_json(path: &str) -> Value {
    serde_json::from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The names in a folder, sorted.
pub fn names_in(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(local::paths::workspace().join(folder)).expect(folder);
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The files below a folder that end so, with their paths from the root. Of our own: what npm
/// installs may be on its way in, what cargo-fuzz builds lies below its folder.
pub fn files_below(folder: &str, ending: &str) -> Vec<PathBuf> {
    let root = local::paths::workspace();
    let (mut files, mut folders) = (Vec::new(), vec![root.join(folder)]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder").map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                if !entry.ends_with("node_modules") && !entry.ends_with("target") {
                    folders.push(entry);
                }
            } else if entry.to_string_lossy().ends_with(ending) {
                files.push(entry.strip_prefix(&root).expect("below the root").to_owned());
            }
        }
    }
    files.sort();
    files
}

pub fn text(path: &Path) -> String {
    read(&path.to_string_lossy())
}

/// The blocks of code of this language in a page, in their order.
pub fn code_blocks<'t>(page: &'t str, language: &str) -> impl Iterator<Item = &'t str> {
    let begin = format!("```{language}\n");
    let blocks: Vec<&str> = page.split(begin.as_str()).skip(1).collect();
    blocks.into_iter().filter_map(|rest| rest.split("```").next())
}

/// The functions, as the folders have them.
pub fn function_names() -> Vec<String> {
    names_in("functions")
}

/// The recorded events, without their ending.
pub fn event_names() -> Vec<String> {
    let names = names_in("events").into_iter();
    names.map(|name| name.strip_suffix(".json").expect("a JSON file").to_owned()).collect()
}

/// One operation of one function.
pub struct Operation {
    pub function: &'static str,
    pub id: String,
    pub method: Method,
    pub path: String,
    /// As API Gateway writes it: `GET /path`.
    pub route: String,
    pub spec: Value,
}

impl Operation {
    pub fn needs_bearer(&self) -> bool {
        self.spec["security"] == serde_json::json!([{ "bearer": [] }])
    }

    /// The path with an id nobody has for each parameter.
    pub fn example_path(&self) -> String {
        let parts = self.path.split('/').map(|part| {
            if part.starts_with('{') { "00000000-0000-4000-8000-000000000000" } else { part }
        });
        parts.collect::<Vec<_>>().join("/")
    }
}

/// The operations of all functions' own routers, by id, as the whole document tells them.
pub fn operations() -> Vec<Operation> {
    let mut all = Vec::new();
    for function in local::service::FUNCTIONS {
        let own = serde_json::to_value((function.document)()).expect("a document");
        for (path, item) in own["paths"].as_object().expect("paths") {
            for method in item.as_object().expect("methods").keys() {
                let spec = &DOCUMENT["paths"][path][method];
                let method = method.to_uppercase();
                all.push(Operation {
                    function: function.name,
                    id: spec["operationId"].as_str().expect("an operation id").to_owned(),
                    route: format!("{method} {path}"),
                    method: method.parse().expect("a method"),
                    path: path.clone(),
                    spec: spec.clone(),
                });
            }
        }
    }
    all.sort_by(|one, other| one.id.cmp(&other.id));
    all
}
