//! One bad field in an otherwise good body.

use super::{
    Field, Fixture, Kind, Operation, Tried, operations_in_good_order, operations_with_body,
};
use serde_json::{Map, Value, json};
use tests::Reply;

/// Whether any text at all is taken, and a bad one answered as a bad token.
fn is_token(field: &Field) -> bool {
    field.place == "refreshToken"
}

/// Refused because of this field alone: 422 if its form is good, and what it holds no key.
pub fn refused_for(operation: &Operation, field: &Field, what: &Value, reply: &Reply) {
    let place = format!("{} {} {:.80}", operation.path, field.place, what.to_string());
    let (status, code) = match what {
        Value::String(_) if field.is_key() => (422, "key_invalid"),
        _ => (400, "validation_failed"),
    };
    let body = reply.json();
    assert_eq!((reply.status.as_u16(), &*reply.code()), (status, code), "{place}: {body}");
    let errors = body["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 1, "{place}: {body}");
    assert_eq!(errors[0]["field"], *field.place, "{place}: {body}");
    let shown = what.as_str().unwrap_or_default();
    assert!(shown.len() < 4 || !body.to_string().contains(shown), "repeats the input: {body}");
}

pub async fn try_value(
    fixture: &Fixture,
    operation: &Operation,
    fields: &[Field],
    field: &Field,
    value: Value,
) {
    let body = field.put(fixture.good_body(&operation.path, fields), value.clone());
    let reply = fixture.send(operation, body.to_string()).await;
    if is_token(field) && value.is_string() {
        assert!(matches!(reply.status.as_u16(), 400 | 401), "{}: {value}", operation.path);
    } else {
        refused_for(operation, field, &value, &reply);
    }
}

/// What is of another kind than the field.
fn others(kind: Kind) -> Vec<Value> {
    let mut all = vec![json!(1.5), json!(u64::MAX), json!(-1e300)];
    if kind != Kind::Boolean {
        all.push(json!(true));
    }
    if !matches!(kind, Kind::Number { .. }) {
        all.extend([json!(0), json!(-1)]);
    }
    if kind != Kind::Text {
        all.extend([json!(""), json!("1"), json!("[]"), json!("{}")]);
    }
    if !matches!(kind, Kind::List(_)) {
        all.push(json!([]));
    }
    if !matches!(kind, Kind::List(_)) {
        // For an object too, whose fields a list might fill in their order.
        all.extend([json!(["+33612345678"]), json!([1, "BQ==", "BQ=="])]);
    }
    if kind != Kind::Object {
        all.extend([json!({}), json!({ "value": "+33612345678" }), json!({ "0": 1 })]);
    }
    all
}

#[tokio::test]
async fn a_field_of_another_type_is_refused_by_its_name() {
    let fixture = Fixture::new().await;
    let before = fixture.state().await;
    let mut tried = Tried::default();
    for (operation, fields) in operations_with_body() {
        for field in &fields {
            for value in others(field.kind) {
                try_value(&fixture, &operation, &fields, field, value).await;
                tried.one();
            }
        }
    }
    tried.at_least(800);
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
            let mut bodies = vec![field.put(good.clone(), Value::Null)];
            let (parent, name) = field.within();
            let mut missing = good;
            if let Some(object) = missing.pointer_mut(&parent).unwrap().as_object_mut() {
                object.remove(&name);
                bodies.push(missing);
            }
            for body in bodies {
                let reply = fixture.send(&operation, body.to_string()).await;
                refused_for(&operation, field, &Value::Null, &reply);
                tried.one();
            }
        }
        // Another case is another name.
        let good = fixture.good_body(&operation.path, &fields);
        let shouted: Map<_, _> = good
            .as_object()
            .unwrap()
            .clone()
            .into_iter()
            .map(|(name, value)| (name.to_uppercase(), value))
            .collect();
        if fields.iter().any(|field| field.is_top() && field.required) {
            let reply = fixture.send(&operation, Value::Object(shouted).to_string()).await;
            reply.refused(400, "validation_failed");
        }
    }
    tried.at_least(80);
    assert_eq!(fixture.state().await, before);
}

#[tokio::test]
async fn optional_fields_that_are_null_count_as_absent() {
    let fixture = Fixture::new().await;
    for (operation, fields) in operations_in_good_order() {
        let mut body = fixture.good_body(&operation.path, &fields);
        for field in fields.iter().filter(|field| field.is_top() && !field.required) {
            body = field.put(body, Value::Null);
        }
        let reply = fixture.send(&operation, body.to_string()).await;
        assert!(reply.status.is_success(), "{}: {}", operation.path, reply.json());
    }
}

/// Every field that holds a text.
fn texts(fields: &[Field]) -> impl Iterator<Item = &Field> {
    fields.iter().filter(|field| field.kind == Kind::Text)
}

#[tokio::test]
async fn empty_and_control_characters_are_refused_in_every_field() {
    let fixture = Fixture::new().await;
    let before = fixture.state().await;
    let mut tried = Tried::default();
    for (operation, fields) in operations_with_body() {
        for field in texts(&fields) {
            let good = fixture.good_body(&operation.path, &fields);
            let good = field.of(&good).as_str().unwrap().to_owned();
            let mut texts = vec![String::new()];
            for control in ['\0', '\u{1}', '\t', '\n', '\r', '\u{1b}', '\u{7f}', '\u{85}', '\u{9f}']
            {
                texts.extend([format!("{good}{control}"), format!("{control}{good}")]);
                texts.push(control.to_string());
            }
            for text in texts {
                try_value(&fixture, &operation, &fields, field, text.into()).await;
                tried.one();
            }
        }
    }
    tried.at_least(1500);
    assert_eq!(fixture.state().await, before);
}

#[tokio::test]
async fn oversized_fields_are_refused() {
    let fixture = Fixture::new().await;
    let before = fixture.state().await;
    let mut tried = Tried::default();
    for (operation, fields) in operations_with_body() {
        for field in texts(&fields) {
            let mut lengths = vec![5000, 90_000];
            lengths.extend(field.max_length.map(|max| max + 1).filter(|_| !is_token(field)));
            for length in lengths {
                try_value(&fixture, &operation, &fields, field, "x".repeat(length).into()).await;
                try_value(
                    &fixture,
                    &operation,
                    &fields,
                    field,
                    "é".repeat(length.min(45_000)).into(),
                )
                .await;
                tried.one();
            }
        }
    }
    tried.at_least(120);
    assert_eq!(fixture.state().await, before);
}

#[tokio::test]
async fn texts_of_the_greatest_length_are_taken_counted_in_characters() {
    let fixture = Fixture::new().await;
    let mut tried = Tried::default();
    for (operation, fields) in operations_in_good_order() {
        if operation.path.ends_with("/resend") || operation.path.ends_with("/refresh") {
            continue;
        }
        let mut body = fixture.good_body(&operation.path, &fields);
        for field in &fields {
            if let Some(max) = field.max_length {
                body = field.put(body, "\u{1f600}".repeat(max).into());
                tried.one();
            }
        }
        let reply = fixture.send(&operation, body.to_string()).await;
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
        for field in fields.iter().filter(|field| field.is_uuid) {
            for id in super::routes::NO_UUIDS {
                try_value(&fixture, &operation, &fields, field, (*id).into()).await;
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
        for field in texts(&fields) {
            let takes_any_text = field.max_length.is_some();
            for text in ["é", "１２３４５６", "٠١٢٣٤٥", "\u{202e}654321", "😀😀😀😀😀😀", "İOS"]
            {
                if !takes_any_text {
                    try_value(&fixture, &operation, &fields, field, text.into()).await;
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
                let good = fixture.good_body(&operation.path, &fields);
                let body = field.put_raw(good, &format!("\"{surrogate}\""));
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
        for field in fields.iter().filter(|field| !field.is_element()) {
            let (parent, name) = field.within();
            let text = good.pointer(&parent).unwrap().to_string();
            let (first, rest) = name.split_at(1);
            let escaped = format!("\\u{:04x}{rest}", u32::from(first.as_bytes()[0]));
            let value = field.of(&good);
            for name in [&name, &escaped] {
                for value in [value, &Value::Null, &json!(1)] {
                    for twice in [
                        format!(r#"{{"{name}":{value},{}"#, &text[1..]),
                        format!(r#"{},"{name}":{value}}}"#, &text[..text.len() - 1]),
                    ] {
                        let body = good.to_string().replacen(&text, &twice, 1);
                        let reply = fixture.send(&operation, body).await;
                        let body = reply.refused(400, "validation_failed").json();
                        let told = &body["errors"][0]["field"];
                        assert_eq!(*told, *field.place, "{body}");
                        tried.one();
                    }
                }
            }
        }
    }
    tried.at_least(350);
    assert_eq!(fixture.state().await, before);
}
