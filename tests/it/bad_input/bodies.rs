//! Bodies that are bad as a whole: bytes, syntax, size, type, depth.

use super::{
    Field, Fixture, Operation, Tried, limit, operations, operations_in_good_order,
    operations_with_body,
};
use http::Method;
use serde_json::{Value, json};
use tests::Reply;

/// Bytes of a body that is too large which are read and dropped.
const DROPPED: usize = 1024 * 1024;

/// The body with one more member, given as it stands on the wire.
fn with_member(body: &Value, member: &str) -> String {
    let body = body.to_string();
    let inner = body[1..].to_owned();
    let separator = if inner == "}" { "" } else { "," };
    format!("{{{member}{separator}{inner}")
}

/// The body padded by an unknown field to this many bytes.
fn padded(body: &Value, length: usize) -> String {
    let empty = with_member(body, r#""padding":"""#);
    let padding = "x".repeat(length - empty.len());
    with_member(body, &format!(r#""padding":"{padding}""#))
}

/// Lists nested this deep, inside of the body's own object.
fn nested(levels: usize) -> String {
    format!("{}{}", "[".repeat(levels - 1), "]".repeat(levels - 1))
}

fn malformed(operation: &Operation, what: &str, reply: &Reply) {
    let place = format!("{} {}: {what}", operation.method, operation.path);
    assert_eq!(reply.status, 400, "{place}: {}", reply.json());
    assert!(matches!(&*reply.code(), "body_malformed" | "validation_failed"), "{place}");
}

#[tokio::test]
async fn what_is_no_json_object_is_refused() {
    let fixture = Fixture::new().await;
    let before = fixture.state().await;
    let mut tried = Tried::default();
    for (operation, fields) in operations_with_body() {
        let good = fixture.good_body(&operation.path, &fields);
        let text = good.to_string();
        let bodies = [
            "[]".to_owned(),
            format!("[{text}]"),
            format!(
                "[{}]",
                good.as_object()
                    .unwrap()
                    .values()
                    .map(Value::to_string)
                    .collect::<Vec<_>>()
                    .join(",")
            ),
            json!(text).to_string(),
            "\"\"".to_owned(),
            "0".to_owned(),
            "-1.5e300".to_owned(),
            "null".to_owned(),
            "true".to_owned(),
            "{".to_owned(),
            "}".to_owned(),
            "{]".to_owned(),
            "\0".to_owned(),
            "nonsense".to_owned(),
            text[..text.len() - 1].to_owned(),
            format!("{text}x"),
            format!("{text}{text}"),
            format!("{text},"),
            format!("{text}\0"),
            format!("\u{feff}{text}"),
            format!("/* comment */{text}"),
            format!("{text}// comment"),
            text.replacen('"', "'", 2),
            with_member(&good, "\"unknown\":NaN"),
            with_member(&good, "\"unknown\":01"),
            with_member(&good, "\"unknown\":\"raw\ncontrol\""),
            with_member(&good, "\"unknown\":\"\\x\""),
            with_member(&good, "\"unknown\":"),
            with_member(&good, "\"unknown\""),
            with_member(&good, "unknown:1"),
            with_member(&good, ""),
        ];
        for body in bodies {
            // An empty object's last is a good one.
            if body == "{}" || (good == json!({}) && body.ends_with("{}")) {
                continue;
            }
            let reply = fixture.send(&operation, body.clone()).await;
            malformed(&operation, &body, &reply);
            tried.one();
        }
    }
    tried.at_least(200);
    assert_eq!(fixture.state().await, before);
}

#[tokio::test]
async fn what_is_no_utf_8_is_refused() {
    let fixture = Fixture::new().await;
    let before = fixture.state().await;
    let mut tried = Tried::default();
    for (operation, fields) in operations_with_body() {
        let good = fixture.good_body(&operation.path, &fields);
        let utf_16 = good.to_string().encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
        let mut bodies = vec![utf_16, vec![0xff], vec![0xfe, 0xff]];
        for broken in
            [&b"\xff"[..], b"\xc3\x28", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"\xc0\x80"]
        {
            let [mut value, mut key] = [Vec::new(), Vec::new()];
            value.extend_from_slice(br#"{"unknown":""#);
            value.extend_from_slice(broken);
            value.extend_from_slice(br#"","#);
            value.extend_from_slice(&good.to_string().as_bytes()[1..]);
            key.extend_from_slice(br#"{""#);
            key.extend_from_slice(broken);
            key.extend_from_slice(br#"":1,"#);
            key.extend_from_slice(&good.to_string().as_bytes()[1..]);
            bodies.extend([value, key]);
        }
        for body in bodies {
            let what = format!("{:?}", body.escape_ascii().to_string());
            let reply = fixture.send(&operation, body).await;
            malformed(&operation, &what, &reply);
            tried.one();
        }
    }
    tried.at_least(100);
    assert_eq!(fixture.state().await, before);
}

#[tokio::test]
async fn a_body_deeper_than_32_levels_is_refused() {
    let fixture = Fixture::new().await;
    let before = fixture.state().await;
    let mut tried = Tried::default();
    for (operation, fields) in operations_with_body() {
        let good = fixture.good_body(&operation.path, &fields);
        let objects = format!("{}1{}", r#"{"a":"#.repeat(32), "}".repeat(32));
        let members = [
            format!(r#""unknown":{}"#, nested(33)),
            format!(r#""unknown":{objects}"#),
            format!(r#""unknown":"\"","deep":{}"#, nested(33)),
            // Neither balanced nor short: nothing may recurse over it.
            format!(r#""unknown":{}"#, "[".repeat(90_000)),
            format!(r#""unknown":{}"#, r#"{"a":"#.repeat(15_000)),
        ];
        let alone = members.iter().map(|member| with_member(&json!({}), member));
        let besides = members.iter().map(|member| with_member(&good, member));
        let instead = fields.iter().map(|field| field.put_raw(good.clone(), &nested(33)));
        for body in alone.chain(besides).chain(instead) {
            let reply = fixture.send(&operation, body.clone()).await;
            assert_eq!(reply.code(), "body_malformed", "{} {:.60}", operation.path, body);
            tried.one();
        }
    }
    tried.at_least(50);
    assert_eq!(fixture.state().await, before);
}

#[tokio::test]
async fn a_body_of_32_levels_with_unknown_fields_is_taken() {
    for depth in [2, 32] {
        let fixture = Fixture::new().await;
        let mut tried = Tried::default();
        for (operation, fields) in operations_in_good_order() {
            let good = fixture.good_body(&operation.path, &fields);
            let member = format!(r#""unknown":{},"\ud83d\ude00":["\ud800"]"#, nested(depth));
            let reply = fixture.send(&operation, with_member(&good, &member)).await;
            assert!(reply.status.is_success(), "{}: {}", operation.path, reply.json());
            tried.one();
        }
        tried.at_least(8);
    }
}

#[tokio::test]
async fn a_body_over_its_limit_is_refused() {
    let fixture = Fixture::new().await;
    let before = fixture.state().await;
    let (mut tried, mut large) = (Tried::default(), 0);
    for (operation, fields) in operations_with_body() {
        let good = fixture.good_body(&operation.path, &fields);
        let limit = limit(&fields);
        large += usize::from(limit > 100 * 1024);
        for length in [limit + 1, limit + DROPPED, limit + DROPPED + 1, 3 * 1024 * 1024] {
            let reply = fixture.send(&operation, padded(&good, length)).await;
            reply.refused(413, "body_too_large");
            let reply = fixture.send(&operation, vec![0xff; length]).await;
            reply.refused(413, "body_too_large");
            tried.one();
        }
    }
    tried.at_least(60);
    // Registering, logging in, the four uploads, a scan, a link and its poll.
    assert_eq!(large, 9);
    assert_eq!(fixture.state().await, before);

    for (operation, fields) in operations_in_good_order() {
        let good = fixture.good_body(&operation.path, &fields);
        let reply = fixture.send(&operation, padded(&good, limit(&fields))).await;
        assert!(reply.status.is_success(), "{}: {}", operation.path, reply.json());
    }
}

#[tokio::test]
async fn a_body_of_another_type_is_refused() {
    let fixture = Fixture::new().await;
    let before = fixture.state().await;
    let mut tried = Tried::default();
    for (operation, fields) in operations_with_body() {
        let good = fixture.good_body(&operation.path, &fields).to_string();
        for content_type in [
            None,
            Some(""),
            Some("text/plain"),
            Some("text/json"),
            Some("text/plain; application/json"),
            Some("application/x-www-form-urlencoded"),
            Some("multipart/form-data; boundary=x"),
            Some("application/jsonx"),
            Some("application/json, text/plain"),
            Some("application/xml"),
            Some("application/octet-stream"),
            Some("json"),
            Some("*/*"),
        ] {
            let reply = fixture.send_as(&operation, content_type, good.clone()).await;
            reply.refused(415, "not_json");
            tried.one();
        }
    }
    tried.at_least(100);
    assert_eq!(fixture.state().await, before);
}

#[tokio::test]
async fn json_is_known_by_any_of_its_names() {
    for content_type in [
        "application/json",
        "application/json; charset=utf-8",
        "Application/JSON ;charset=UTF-8",
        "application/merge-patch+json",
    ] {
        let fixture = Fixture::new().await;
        for (operation, fields) in operations_in_good_order() {
            let good = fixture.good_body(&operation.path, &fields).to_string();
            let reply = fixture.send_as(&operation, Some(content_type), good).await;
            assert!(reply.status.is_success(), "{}: {}", operation.path, reply.json());
        }
    }
}

#[tokio::test]
async fn an_empty_body_is_an_empty_object() {
    let fixture = Fixture::new().await;
    let before = fixture.state().await;
    let is_needed = |field: &&Field| field.is_top() && field.required;
    let (needing, taking): (Vec<_>, Vec<_>) =
        operations_with_body().partition(|(_, fields)| fields.iter().any(|f| is_needed(&f)));
    assert!(needing.len() > 5 && taking.len() > 1);
    for (operation, fields) in needing {
        let missing = fields.iter().filter(is_needed).count();
        for content_type in [None, Some("application/json")] {
            let reply = fixture.send_as(&operation, content_type, "").await;
            let body = reply.refused(400, "validation_failed").json();
            assert_eq!(body["errors"].as_array().unwrap().len(), missing, "{}", operation.path);
        }
        fixture.send_as(&operation, Some("text/plain"), "").await.refused(415, "not_json");
    }
    assert_eq!(fixture.state().await, before);
    for (operation, _) in taking.iter().filter(|(operation, _)| !operation.takes_bearer) {
        for content_type in [None, Some("application/json")] {
            let reply = fixture.send_as(operation, content_type, "").await;
            assert!(reply.status.is_success(), "{}: {}", operation.path, reply.json());
        }
    }
}

#[tokio::test]
async fn routes_without_a_body_do_not_mind_one() {
    let fixture = Fixture::new().await;
    let mut tried = Tried::default();
    let without = operations().into_iter().filter(|operation| operation.fields.is_none());
    let (gets, others): (Vec<_>, Vec<_>) =
        without.partition(|operation| operation.method == Method::GET);
    // What is ended or denied is so once.
    let is_repeated = |o: &&Operation| !o.path.contains("logout") && !o.path.ends_with("/deny");
    for operation in gets.iter().chain(others.iter().filter(is_repeated)) {
        for body in [&b"{}"[..], b"[]", b"\xff\x00", b"{\"a\":1,\"a\":2}", &vec![b'['; DROPPED]] {
            let reply = fixture.send(operation, body.to_vec()).await;
            assert!(reply.status.is_success(), "{}: {}", operation.path, reply.json());
            tried.one();
        }
    }
    tried.at_least(40);
}
