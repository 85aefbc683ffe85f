//! The committed schemas and recorded events.

use super::{PHONE, call, new_id, unlimited};
use crate::sources::{names_in, read_json};
use auth_client::Operation;
use auth_client::schemas::schemas;
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[test]
fn the_committed_schemas_are_those_of_the_types() {
    let mut names = Vec::new();
    for (name, schema) in schemas() {
        let file = format!("{name}.json");
        assert_eq!(
            read_json(&format!("infra/internal-schemas/{file}")),
            schema,
            "infra/internal-schemas/{file} is stale: `cargo local generate` writes it anew"
        );
        assert_eq!(schema["type"], "object", "{file}");
        names.push(file);
    }
    names.sort();
    assert_eq!(names_in("infra/internal-schemas"), names);
    assert_eq!(names.len(), 2 * Operation::NAMES.len() + 1);
}

/// Each operation has an event, which a service sends as it is, with ids of its own.
#[tokio::test]
async fn each_operation_has_a_recorded_event_of_its_schema() {
    let service = unlimited().await;
    let session = service.client().sign_up(PHONE).await;
    for operation in Operation::NAMES {
        let mut event = read_json(&format!("events/internal_{operation}.json"));
        let schema = read_json(&format!("infra/internal-schemas/{operation}.input.json"));
        assert_eq!(event["operation"], *operation);
        let fields: BTreeSet<&String> = event.as_object().unwrap().keys().collect();
        let known: BTreeSet<&String> = schema["properties"].as_object().unwrap().keys().collect();
        assert!(fields.is_subset(&known), "{operation}: {fields:?}");
        for name in schema["required"].as_array().unwrap() {
            assert!(event.get(name.as_str().unwrap()).is_some(), "{operation} lacks {name}");
        }
        // Each required field is needed.
        for name in schema["required"].as_array().unwrap() {
            let mut without = event.clone();
            without.as_object_mut().unwrap().remove(name.as_str().unwrap());
            let problem = call(&service, without).await;
            assert_eq!(problem["code"], "validation_failed", "{operation} without {name}");
        }
        let typed: Operation = serde_json::from_value(event.clone()).expect(operation);
        assert_eq!(typed.name(), *operation);
        assert_eq!(serde_json::to_value(&typed).unwrap(), event, "{operation} is in its one form");
        // Whatever it is answered, its form is right.
        event["userId"] = json!(session.user);
        if event.get("requestId").is_some() {
            event["requestId"] = json!(new_id());
        }
        if *operation == "get_user" {
            event = json!({ "operation": operation, "userId": session.user });
        }
        let answer = call(&service, event).await;
        for error in answer["errors"].as_array().into_iter().flatten() {
            assert_eq!(error["code"], "not_released", "{operation}: {answer}");
        }
        if answer.get("code").is_none() {
            assert_is_of(&answer, operation);
        }
    }
}

/// The fields of an answer are those of its schema.
fn assert_is_of(answer: &Value, operation: &str) {
    let schema = read_json(&format!("infra/internal-schemas/{operation}.answer.json"));
    let properties = schema["properties"].as_object().unwrap();
    for name in answer.as_object().unwrap().keys() {
        assert!(properties.contains_key(name), "{operation} answers {name}");
    }
    for name in schema["required"].as_array().unwrap() {
        assert!(answer.get(name.as_str().unwrap()).is_some(), "{operation} lacks {name}");
    }
}
