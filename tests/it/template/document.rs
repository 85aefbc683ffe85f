//! template.yaml as JSON, its short tags spelt out as CloudFormation's functions.

use saphyr::{LoadableYamlNode as _, Scalar, Yaml};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

use crate::sources::read;

/// A function of the template.
pub struct TemplateFunction {
    /// The name of its folder and binary.
    pub name: String,
    /// Its resource.
    pub id: String,
    pub properties: Value,
}

/// The whole template.
pub fn template() -> Value {
    let source = read("template.yaml");
    spelt_out(&Yaml::load_from_str(&source).expect("YAML").remove(0))
}

pub fn resources_of(template: &Value, kind: &str) -> Vec<(String, Value)> {
    let all = template["Resources"].as_object().expect("resources").iter();
    all.filter(|(_, one)| one["Type"] == kind)
        .map(|(name, one)| (name.clone(), one["Properties"].clone()))
        .collect()
}

pub fn functions(template: &Value) -> Vec<TemplateFunction> {
    let all = resources_of(template, "AWS::Serverless::Function").into_iter();
    all.map(|(id, properties)| {
        let folder = properties["CodeUri"].as_str().expect("a folder");
        let name = folder.strip_prefix("functions/").expect("a function's folder").to_owned();
        TemplateFunction { name, id, properties }
    })
    .collect()
}

/// What is routed to each function (by the name of its binary).
pub fn template_routes() -> BTreeMap<String, BTreeSet<String>> {
    let mut routes: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for TemplateFunction { name, id, properties } in functions(&template()) {
        // What infra/sam/Makefile builds for a resource of this name.
        let words = name.split('-').map(|word| word[..1].to_uppercase() + &word[1..]);
        let built = format!("{}Function", words.collect::<String>());
        assert_eq!(id, built, "{id} builds another's code");
        for (event, entry) in properties["Events"].as_object().into_iter().flatten() {
            if entry["Type"] == "Schedule" {
                continue;
            }
            assert_eq!(entry["Type"], "HttpApi", "{id} {event}");
            let text = |name: &str| entry["Properties"][name].as_str();
            let route = match (text("Method"), text("Path")) {
                (Some(method), Some(path)) => format!("{method} {path}"),
                (None, None) => "$default".to_owned(),
                _ => panic!("{id} {event}: a method without a path, or a path without one"),
            };
            let is_new = routes.entry(name.clone()).or_default().insert(route);
            assert!(is_new, "{id} {event}: a route twice");
        }
    }
    routes
}

/// The environment variables that a function is given. An empty one is not given.
pub fn template_variables(function: &str) -> BTreeSet<String> {
    // What a function says of a variable counts before what is said of all.
    let template = template();
    let mut all = variables_of(&template["Globals"]["Function"]);
    all.extend(function_variables(&template, function));
    given(all)
}

/// The environment variables that this function is given and not every one.
pub fn own_variables(function: &str) -> BTreeSet<String> {
    given(function_variables(&template(), function))
}

type Variables = Map<String, Value>;

fn function_variables(template: &Value, function: &str) -> Variables {
    let all = functions(template).into_iter();
    all.filter(|one| one.name == function).flat_map(|one| variables_of(&one.properties)).collect()
}

fn variables_of(properties: &Value) -> Variables {
    properties["Environment"]["Variables"].as_object().cloned().unwrap_or_default()
}

fn given(variables: Variables) -> BTreeSet<String> {
    variables.into_iter().filter(|(_, value)| value != "").map(|(name, _)| name).collect()
}

/// A property as it is with this condition, or without it.
pub fn with_condition(value: &Value, condition: &str, holds: bool) -> Value {
    match value {
        Value::Object(object) => {
            if let Some([name, then, other]) = object.get("Fn::If").and_then(three)
                && name == condition
            {
                return with_condition(if holds { then } else { other }, condition, holds);
            }
            let inner = object.iter();
            inner.map(|(k, v)| (k.clone(), with_condition(v, condition, holds))).collect()
        }
        Value::Array(all) => all.iter().map(|v| with_condition(v, condition, holds)).collect(),
        other => other.clone(),
    }
}

fn three(value: &Value) -> Option<&[Value; 3]> {
    value.as_array()?.as_slice().try_into().ok()
}

/// Every object of a value, the value itself among them.
pub fn objects(value: &Value) -> Vec<&Map<String, Value>> {
    match value {
        Value::Object(object) => {
            let inner = object.values().flat_map(objects);
            std::iter::once(object).chain(inner).collect()
        }
        Value::Array(all) => all.iter().flat_map(objects).collect(),
        _ => Vec::new(),
    }
}

/// One text, or the texts of a list.
pub fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(all) => all.iter().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

fn spelt_out(node: &Yaml<'_>) -> Value {
    match node {
        Yaml::Value(scalar) => match scalar {
            Scalar::Null => Value::Null,
            Scalar::Boolean(value) => json!(value),
            Scalar::Integer(value) => json!(value),
            Scalar::FloatingPoint(value) => json!(value.into_inner()),
            Scalar::String(value) => json!(value),
        },
        Yaml::Sequence(all) => all.iter().map(spelt_out).collect(),
        Yaml::Mapping(all) => {
            let entries = all.iter();
            entries.map(|(k, v)| (k.as_str().expect("a name").to_owned(), spelt_out(v))).collect()
        }
        Yaml::Tagged(tag, node) => {
            let value = spelt_out(node);
            match (tag.suffix.as_str(), &value) {
                (name @ ("Ref" | "Condition"), _) => json!({ name: value }),
                ("GetAtt", Value::String(path)) => {
                    let (resource, attribute) = path.split_once('.').expect("an attribute");
                    json!({ "Fn::GetAtt": [resource, attribute] })
                }
                (name, _) => json!({ format!("Fn::{name}"): value }),
            }
        }
        other => panic!("{other:?}"),
    }
}
