//! template.yaml as JSON, its short tags spelt out as CloudFormation's functions.

use saphyr::{LoadableYamlNode as _, Scalar, Yaml};
use serde_json::{Map, Value, json};

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
