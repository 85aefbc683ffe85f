//! One bad field in an otherwise good body.

use super::{Field, Fixture, Operation, Tried, operations_with_body};
use serde_json::{Map, Value, json};
use tests::Reply;

/// Whether any text at all is taken, and a bad one answered as a bad token.
fn is_token(field: &Field) -> bool {
    field.name == "refreshToken"
}

/// Refused because of this field alone.
fn refused_for(operation: &Operation, field: &Field, what: &Value, reply: Reply) {
    let place = format!("{} {} {:.80}", operation.path, field.name, what.to_string());
    assert_eq!(reply.status, 400, "{place}: {}", reply.json());
    let body = reply.refused(400, "validation_failed").json();
    let errors = body["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 1, "{place}: {body}");
    assert_eq!(errors[0]["field"], *field.name, "{place}: {body}");
    let shown = what.as_str().unwrap_or_default();
    assert!(shown.len() < 4 || !body.to_string().contains(shown), "repeats the input: {body}");
}

async fn try_value(
    fixture: &Fixture,
    operation: &Operation,
    fields: &[Field],
    n: usize,
    value: Value,
) {
    let field = &fields[n];
    let mut body = fixture.good_body(&operation.path, fields);
    body.insert(field.name.clone(), value.clone());
    let reply = fixture.send(operation, Value::Object(body).to_string()).await;
    if is_token(field) && value.is_string() {
        assert!(matches!(reply.status.as_u16(), 400 | 401), "{}: {value}", operation.path);
    } else {
        refused_for(operation, field, &value, reply);
    }
}

#[tokio::test]
async fn a_field_of_another_type_is_refused_by_its_name() {
    let fixture = Fixture::new().await;
    let before = fixture.state().await;
    let mut tried = Tried::default();
    for (operation, fields) in operations_with_body() {
        for n in 0..fields.len() {
            for value in [
                json!(0),
                json!(-1),
                json!(1.5),
                json!(u64::MAX),
                json!(true),
                json!([]),
                json!({}),
                json!(["+33612345678"]),
                json!({ "value": "+33612345678" }),
            ] {
                try_value(&fixture, &operation, &fields, n, value).await;
                tried.one();
            }
        }
    }
    tried.at_least(250);
    assert_eq!(fixture.state().await, before);
}

#[tokio::test]
async fn a_required_field_that_is_missing_or_null_is_named() {
    let fixture = Fixture::new().await;
    let before = fixture.state().await;
    let mut tried = Tried::default();
    for (operation, fields) in operations_with_body() {
        for field in fields.iter().filter(|field| field.required) {
            let good = fixture.good_body(&operation.path, &fields);
            let (mut missing, mut null) = (good.clone(), good);
            missing.remove(&field.name);
            null.insert(field.name.clone(), Value::Null);
            for body in [missing, null] {
                let reply = fixture.send(&operation, Value::Object(body).to_string()).await;
                refused_for(&operation, field, &Value::Null, reply);
                tried.one();
            }
        }
        // Another case is another name.
        let shouted: Map<_, _> = fixture
            .good_body(&operation.path, &fields)
            .into_iter()
            .map(|(name, value)| (name.to_uppercase(), value))
            .collect();
        if fields.iter().any(|field| field.required) {
            let reply = fixture.send(&operation, Value::Object(shouted).to_string()).await;
            reply.refused(400, "validation_failed");
        }
    }
    tried.at_least(18);
    assert_eq!(fixture.state().await, before);
}

#[tokio::test]
async fn optional_fields_that_are_null_count_as_absent() {
    let fixture = Fixture::new().await;
    let mut all: Vec<_> = operations_with_body().collect();
    all.sort_by_key(|(operation, _)| operation.path.ends_with("/logout"));
    for (operation, fields) in all {
        let mut body = fixture.good_body(&operation.path, &fields);
        for field in fields.iter().filter(|field| !field.required) {
            body.insert(field.name.clone(), Value::Null);
        }
        let reply = fixture.send(&operation, Value::Object(body).to_string()).await;
        assert!(reply.status.is_success(), "{}: {}", operation.path, reply.json());
    }
}

#[tokio::test]
async fn empty_and_control_characters_are_refused_in_every_field() {
    let fixture = Fixture::new().await;
    let before = fixture.state().await;
    let mut tried = Tried::default();
    for (operation, fields) in operations_with_body() {
        for n in 0..fields.len() {
            let good = fixture.good_body(&operation.path, &fields);
            let good = good[&fields[n].name].as_str().unwrap().to_owned();
            let mut texts = vec![String::new()];
            for control in ['\0', '\u{1}', '\t', '\n', '\r', '\u{1b}', '\u{7f}', '\u{85}', '\u{9f}']
            {
                texts.extend([format!("{good}{control}"), format!("{control}{good}")]);
                texts.push(control.to_string());
            }
            for text in texts {
                try_value(&fixture, &operation, &fields, n, text.into()).await;
                tried.one();
            }
        }
    }
    tried.at_least(700);
    assert_eq!(fixture.state().await, before);
}

#[tokio::test]
async fn oversized_fields_are_refused() {
    let fixture = Fixture::new().await;
    let before = fixture.state().await;
    let mut tried = Tried::default();
    for (operation, fields) in operations_with_body() {
        for (n, field) in fields.iter().enumerate() {
            let mut lengths = vec![5000, 90_000];
            lengths.extend(field.max_length.map(|max| max + 1).filter(|_| !is_token(field)));
            for length in lengths {
                try_value(&fixture, &operation, &fields, n, "x".repeat(length).into()).await;
                try_value(&fixture, &operation, &fields, n, "é".repeat(length.min(45_000)).into())
                    .await;
                tried.one();
            }
        }
    }
    tried.at_least(70);
    assert_eq!(fixture.state().await, before);
}

#[tokio::test]
async fn texts_of_the_greatest_length_are_taken_counted_in_characters() {
    let fixture = Fixture::new().await;
    let mut tried = Tried::default();
    for (operation, fields) in operations_with_body() {
        if operation.path.ends_with("/resend") || operation.path.ends_with("/refresh") {
            continue;
        }
        let mut body = fixture.good_body(&operation.path, &fields);
        for field in &fields {
            if let Some(max) = field.max_length {
                body.insert(field.name.clone(), "\u{1f600}".repeat(max).into());
                tried.one();
            }
        }
        let reply = fixture.send(&operation, Value::Object(body).to_string()).await;
        assert!(reply.status.is_success(), "{}: {}", operation.path, reply.json());
    }
    tried.at_least(18);
}

#[tokio::test]
async fn ids_that_are_no_uuid_are_refused() {
    let fixture = Fixture::new().await;
    let before = fixture.state().await;
    let mut tried = Tried::default();
    for (operation, fields) in operations_with_body() {
        for (n, _) in fields.iter().enumerate().filter(|(_, field)| field.is_uuid) {
            for id in super::routes::NO_UUIDS {
                try_value(&fixture, &operation, &fields, n, (*id).into()).await;
                tried.one();
            }
        }
    }
    tried.at_least(50);
    assert_eq!(fixture.state().await, before);
}

#[tokio::test]
async fn texts_of_other_scripts_are_no_ids_codes_or_types() {
    let fixture = Fixture::new().await;
    let before = fixture.state().await;
    let mut tried = Tried::default();
    for (operation, fields) in operations_with_body() {
        for (n, field) in fields.iter().enumerate() {
            let takes_any_text = field.max_length.is_some();
            for text in ["é", "１２３４５６", "٠١٢٣٤٥", "\u{202e}654321", "😀😀😀😀😀😀", "İOS"]
            {
                if !takes_any_text {
                    try_value(&fixture, &operation, &fields, n, text.into()).await;
                    tried.one();
                }
            }
        }
    }
    tried.at_least(60);
    assert_eq!(fixture.state().await, before);
}

#[tokio::test]
async fn lone_surrogates_are_refused_in_every_field() {
    let fixture = Fixture::new().await;
    let before = fixture.state().await;
    let mut tried = Tried::default();
    for (operation, fields) in operations_with_body() {
        for field in &fields {
            for surrogate in [r"\ud800", r"\udc00", r"\udc00\ud800", r"\ud800x", r"\ud83d\u0041"] {
                let mut good = fixture.good_body(&operation.path, &fields);
                good.insert(field.name.clone(), "PLACE".into());
                let body = Value::Object(good).to_string().replace("PLACE", surrogate);
                fixture.send(&operation, body).await.refused(400, "body_malformed");
                tried.one();
            }
        }
    }
    tried.at_least(150);
    assert_eq!(fixture.state().await, before);
}

#[tokio::test]
async fn a_field_that_comes_twice_is_refused_however_it_is_spelled() {
    let fixture = Fixture::new().await;
    let before = fixture.state().await;
    let mut tried = Tried::default();
    for (operation, fields) in operations_with_body() {
        let good = fixture.good_body(&operation.path, &fields);
        for field in &fields {
            let text = Value::Object(good.clone()).to_string();
            let (first, rest) = field.name.split_at(1);
            let escaped = format!("\\u{:04x}{rest}", u32::from(first.as_bytes()[0]));
            let value = &good[&field.name];
            for name in [&field.name, &escaped] {
                for value in [value, &Value::Null, &json!(1)] {
                    for body in [
                        format!(r#"{{"{name}":{value},{}"#, &text[1..]),
                        format!(r#"{},"{name}":{value}}}"#, &text[..text.len() - 1]),
                    ] {
                        let reply = fixture.send(&operation, body).await;
                        refused_for(&operation, field, &Value::Null, reply);
                        tried.one();
                    }
                }
            }
        }
    }
    tried.at_least(350);
    assert_eq!(fixture.state().await, before);
}
