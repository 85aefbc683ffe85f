//! Whatever is sent, nothing fails on our side: every answer is a documented one below
//! 500 (which the harness checks on each).

use super::{Fixture, Kind, Operation, operations, operations_with_body};
use axum::body::Body;
use http::{HeaderValue, Request, header};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;
use tests::service::HOME;
use tokio::runtime::Runtime;

/// The same number of cases everywhere; a failure is shown, not kept in a file.
fn runner(cases: u32) -> TestRunner {
    TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() })
}

/// A runtime that proptest's plain closures can wait on.
fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

async fn below_500(fixture: &Fixture, operation: &Operation, body: Vec<u8>) {
    let reply = fixture.send(operation, body).await;
    assert!(reply.status.as_u16() < 500, "{}: {}", operation.path, reply.json());
}

#[test]
fn no_bytes_as_a_body_make_us_fail() {
    let runtime = runtime();
    let fixture = runtime.block_on(Fixture::new());
    let all: Vec<_> = operations_with_body().collect();
    let bytes = prop::collection::vec(any::<u8>(), 0..200);
    let printable =
        prop::collection::vec(prop::sample::select(&b"{}[]\":,\\u0nul \xc3\xa9"[..]), 0..60);
    let body = prop_oneof![bytes, printable];
    let tested = runner(256).run(&(0..all.len(), body), |(n, body)| {
        runtime.block_on(below_500(&fixture, &all[n].0, body));
        Ok(())
    });
    tested.unwrap();
}

#[test]
fn no_damage_to_a_good_body_makes_us_fail() {
    let runtime = runtime();
    let fixture = runtime.block_on(Fixture::new());
    let all: Vec<_> = operations_with_body().collect();
    let damage = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4);
    let tested = runner(256).run(&(0..all.len(), damage), |(n, damage)| {
        let (operation, fields) = &all[n];
        let good = fixture.good_body(&operation.path, fields);
        let mut body = good.to_string().into_bytes();
        for (place, byte) in damage {
            let place = place.index(body.len());
            body[place] = byte;
        }
        runtime.block_on(below_500(&fixture, operation, body));
        Ok(())
    });
    tested.unwrap();
}

#[test]
fn no_texts_in_a_bodys_fields_make_us_fail() {
    let runtime = runtime();
    let fixture = runtime.block_on(Fixture::new());
    let all: Vec<_> = operations_with_body().collect();
    let texts = prop::collection::vec(any::<String>(), 30);
    let tested = runner(128).run(&(0..all.len(), texts), |(n, texts)| {
        let (operation, fields) = &all[n];
        let mut body = fixture.good_body(&operation.path, fields);
        let placed = fields.iter().filter(|field| field.kind == Kind::Text);
        for (field, text) in placed.zip(texts) {
            body = field.put(body, text.into());
        }
        runtime.block_on(below_500(&fixture, operation, body.to_string().into_bytes()));
        Ok(())
    });
    tested.unwrap();
}

#[test]
fn no_bearer_token_makes_us_fail_or_lets_anybody_in() {
    let runtime = runtime();
    let fixture = runtime.block_on(Fixture::new());
    let all: Vec<_> = operations().into_iter().filter(|o| o.takes_bearer).collect();
    let before = runtime.block_on(fixture.state());
    let bytes = prop::collection::vec(any::<u8>(), 0..120);
    let token = r"[A-Za-z0-9_-]{0,60}\.[A-Za-z0-9_-]{0,60}\.[A-Za-z0-9_-]{0,90}";
    let token = prop_oneof![bytes, token.prop_map(String::into_bytes)];
    let tested = runner(256).run(&(0..all.len(), token), |(n, token)| {
        let value = HeaderValue::from_bytes(&[b"Bearer ", &token[..]].concat());
        let Ok(value) = value else { return Ok(()) };
        let request = Request::builder()
            .method(all[n].method.clone())
            .uri(fixture.path(&all[n]))
            .header(header::AUTHORIZATION, value)
            .body(Body::empty())
            .unwrap();
        let reply = runtime.block_on(fixture.service.send(request, HOME));
        assert_eq!(reply.status, 401, "{}", reply.json());
        Ok(())
    });
    tested.unwrap();
    assert_eq!(runtime.block_on(fixture.state()), before);
}

#[test]
fn no_text_as_a_phone_number_makes_us_fail() {
    let runtime = runtime();
    let fixture = runtime.block_on(Fixture::new());
    let client = fixture.service.client();
    let phone =
        prop_oneof![any::<String>(), r"[+0-9 ().-]{0,45}", r"\+[0-9]{5,16}", r"\+33[67][0-9]{8}"];
    let tested = runner(256).run(&phone, |phone| {
        let path = "/auth/v1/verify/register/request";
        let reply = runtime.block_on(client.post(path, json!({ "phoneNumber": phone })));
        assert!(matches!(reply.status.as_u16(), 200 | 400), "{}", reply.json());
        Ok(())
    });
    tested.unwrap();
    // Some of them were numbers, and were written in their one form.
    let inbox = runtime.block_on(fixture.service.inbox());
    assert!(inbox.len() > 20);
    for message in inbox {
        let to = message["to"].as_str().unwrap().to_owned();
        assert!(to.starts_with('+') && to[1..].bytes().all(|b| b.is_ascii_digit()), "{to}");
    }
}
