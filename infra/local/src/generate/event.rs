//! The skeleton of a recorded event: API Gateway's payload 2.0 for one operation, whose body
//! is an example of the operation. Whoever adds the operation replaces the values by plausible ones.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::operation::Operation;

const ID: &str = "00000000-0000-4000-8000-000000000000";
const DOMAIN: &str = "a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com";
const USER_AGENT: &str = "Whispr/2.4.1 (iPhone; iOS 18.3)";
const ADDRESS: &str = "203.0.113.25";
/// References nest; a schema that contains itself ends here.
const MAX_DEPTH: usize = 8;

// The fields stand in the order in which API Gateway writes them.

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    version: &'static str,
    route_key: String,
    raw_path: String,
    raw_query_string: &'static str,
    headers: BTreeMap<&'static str, String>,
    request_context: RequestContext,
    #[serde(skip_serializing_if = "Map::is_empty")]
    path_parameters: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    is_base64_encoded: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext {
    account_id: &'static str,
    api_id: &'static str,
    domain_name: &'static str,
    domain_prefix: &'static str,
    http: Http,
    request_id: &'static str,
    route_key: String,
    stage: &'static str,
    time: &'static str,
    time_epoch: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Http {
    method: String,
    path: String,
    protocol: &'static str,
    source_ip: &'static str,
    user_agent: &'static str,
}

/// The event of an operation, as a file holds it. `components` are those of the document.
#[must_use]
pub fn event(operation: &Operation, components: &Value) -> String {
    let Operation { method, path, spec, .. } = operation;
    let route_key = format!("{method} {path}");
    let (raw_path, path_parameters) = example_path(path);
    let content = &spec["requestBody"]["content"]["application/json"];
    let body = content.is_object().then(|| body(content, components).to_string());

    let mut headers: BTreeMap<&'static str, String> = [
        ("accept", "application/json"),
        ("host", DOMAIN),
        ("user-agent", USER_AGENT),
        ("x-forwarded-for", ADDRESS),
        ("x-forwarded-port", "443"),
        ("x-forwarded-proto", "https"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into();
    if let Some(body) = &body {
        headers.insert("content-length", body.len().to_string());
        headers.insert("content-type", "application/json".to_owned());
    }
    if spec["security"] == json!([{ "bearer": [] }]) {
        headers.insert("authorization", "Bearer an.access.token".to_owned());
    }
    let event = Event {
        version: "2.0",
        route_key: route_key.clone(),
        raw_path: raw_path.clone(),
        raw_query_string: "",
        headers,
        request_context: RequestContext {
            account_id: "123456789012",
            api_id: "a1b2c3d4e5",
            domain_name: DOMAIN,
            domain_prefix: "a1b2c3d4e5",
            http: Http {
                method: method.clone(),
                path: raw_path,
                protocol: "HTTP/1.1",
                source_ip: ADDRESS,
                user_agent: USER_AGENT,
            },
            request_id: "L4aQK9QsBVYBXWY=",
            route_key,
            stage: "$default",
            time: "12/Mar/2026:09:30:06 +0000",
            time_epoch: 1_773_307_806_137,
        },
        path_parameters,
        body,
        is_base64_encoded: false,
    };
    // Texts and maps with text keys always serialize.
    serde_json::to_string_pretty(&event).map_or_else(|_| String::new(), |text| text + "\n")
}

/// The path with an id for each parameter, and the parameters.
fn example_path(template: &str) -> (String, Map<String, Value>) {
    let mut parameters = Map::new();
    let segments = template.split('/').map(|segment| {
        match segment.strip_prefix('{').and_then(|segment| segment.strip_suffix('}')) {
            Some(name) => {
                parameters.insert(name.to_owned(), ID.into());
                ID
            }
            None => segment,
        }
    });
    let path = segments.collect::<Vec<_>>().join("/");
    (path, parameters)
}

/// The first example of a body, else a value of its schema.
fn body(content: &Value, components: &Value) -> Value {
    let examples = content["examples"].as_object().into_iter().flatten();
    let mut names = examples.filter_map(|(_, example)| name_of(example));
    let example = names.next().and_then(|name| components["examples"][name].get("value"));
    example.cloned().unwrap_or_else(|| sample(&content["schema"], components, 0))
}

/// What a reference leads to.
fn name_of(reference: &Value) -> Option<&str> {
    reference["$ref"].as_str()?.rsplit('/').next()
}

/// A value of a schema: its example, else its required fields.
fn sample(schema: &Value, components: &Value, depth: usize) -> Value {
    if let Some(example) = schema.get("example") {
        return example.clone();
    }
    if depth > MAX_DEPTH {
        return Value::Null;
    }
    if let Some(name) = name_of(schema) {
        return sample(&components["schemas"][name], components, depth + 1);
    }
    let mut choices = ["allOf", "oneOf", "anyOf"].into_iter();
    if let Some(first) = choices.find_map(|name| schema[name].get(0)) {
        return sample(first, components, depth + 1);
    }
    if let Some(first) = schema["enum"].get(0) {
        return first.clone();
    }
    match schema["type"].as_str() {
        Some("object") => {
            let required = schema["required"].as_array().into_iter().flatten();
            let fields = required.filter_map(Value::as_str).map(|name| {
                let value = sample(&schema["properties"][name], components, depth + 1);
                (name.to_owned(), value)
            });
            Value::Object(fields.collect())
        }
        Some("array") => json!([sample(&schema["items"], components, depth + 1)]),
        Some("string") if schema["format"] == "uuid" => ID.into(),
        Some("string") => "text".into(),
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or_else(|| 1.into()),
        Some("boolean") => false.into(),
        _ => Value::Null,
    }
}
