//! What the house's own files say, read for the tests that compare them.

use http::Method;
use saphyr::{LoadableYamlNode as _, Yaml};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
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

/// What template.yaml routes to each function (by the name of its binary).
pub fn template_routes() -> BTreeMap<String, BTreeSet<String>> {
    let source = read("template.yaml");
    let template = Yaml::load_from_str(&source).expect("YAML").remove(0);
    let mut routes: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, resource) in entries(&template["Resources"]) {
        if text_at(resource, "Type") != Some("AWS::Serverless::Function") {
            continue;
        }
        let properties = &resource["Properties"];
        let folder = text_at(properties, "CodeUri").expect(name);
        let binary = folder.strip_prefix("functions/").expect(name);
        // What infra/sam/Makefile builds for a resource of this name.
        let words = binary.split('-').map(|word| word[..1].to_uppercase() + &word[1..]);
        let built = format!("{}Function", words.collect::<String>());
        assert_eq!(name, built, "{name} builds another's code");
        let routes = routes.entry(binary.to_owned()).or_default();
        for (event, entry) in properties.as_mapping_get("Events").into_iter().flat_map(entries) {
            if text_at(entry, "Type") == Some("Schedule") {
                continue;
            }
            assert_eq!(text_at(entry, "Type"), Some("HttpApi"), "{name} {event}");
            let properties = &entry["Properties"];
            let route = match (text_at(properties, "Method"), text_at(properties, "Path")) {
                (Some(method), Some(path)) => format!("{method} {path}"),
                (None, None) => "$default".to_owned(),
                _ => panic!("{name} {event}: a method without a path, or a path without one"),
            };
            assert!(routes.insert(route), "{name} {event}: a route twice");
        }
    }
    routes.retain(|_, routes| !routes.is_empty());
    routes
}

fn entries<'a>(node: &'a Yaml<'a>) -> impl Iterator<Item = (&'a str, &'a Yaml<'a>)> {
    let mapping = node.as_mapping().expect("a mapping").iter();
    mapping.map(|(name, value)| (name.as_str().expect("a name"), value))
}

fn text_at<'a>(node: &'a Yaml<'a>, name: &str) -> Option<&'a str> {
    node.as_mapping_get(name)?.as_str()
}

/// The environment variables that template.yaml gives a function. An empty one is not given.
pub fn template_variables(function: &str) -> BTreeSet<String> {
    let (mut all, own) = variables_of(function);
    all.extend(own);
    all.into_iter().filter_map(|(name, is_given)| is_given.then_some(name)).collect()
}

/// The environment variables that template.yaml gives this function and not every one.
pub fn own_variables(function: &str) -> BTreeSet<String> {
    let own = variables_of(function).1;
    own.into_iter().filter_map(|(name, is_given)| is_given.then_some(name)).collect()
}

/// Whether a variable is given, by its name.
type Variables = BTreeMap<String, bool>;

/// Those of all functions, and of this one.
fn variables_of(function: &str) -> (Variables, Variables) {
    let source = read("template.yaml");
    let template = Yaml::load_from_str(&source).expect("YAML").remove(0);
    let names = |node: &Yaml<'_>| -> Variables {
        let variables = node.as_mapping_get("Environment");
        let variables = variables.and_then(|node| node.as_mapping_get("Variables"));
        let is_given = |value: &Yaml<'_>| value.as_str() != Some("");
        variables
            .map(|node| entries(node).map(|(name, v)| (name.to_owned(), is_given(v))).collect())
            .unwrap_or_default()
    };
    let globals = names(&template["Globals"]["Function"]);
    let mut own = Variables::new();
    for (_, resource) in entries(&template["Resources"]) {
        let properties = resource.as_mapping_get("Properties");
        let of_function = properties
            .filter(|_| text_at(resource, "Type") == Some("AWS::Serverless::Function"))
            .filter(|node| text_at(node, "CodeUri") == Some(&format!("functions/{function}")));
        own.extend(of_function.map(names).unwrap_or_default());
    }
    (globals, own)
}
