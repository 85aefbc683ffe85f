//! Dead letters are queued again by the SQL of docs/operating.md: the receiver gets each under the id of
//! before, so that it knows what it has taken already.

use super::{Function, LATER, queue, undelivered, unlimited};
use crate::sources::{code_blocks, read};
use serde_json::{Value, json};
use shared::relay::sinks::SinkError;
use tests::invoke_api::{Answer, Invocation, InvokeApi};

/// The SQL of the section about this alarm.
fn documented(alarm: &str) -> String {
    let page = read("docs/operating.md");
    let (_, section) = page.split_once(&format!("### {alarm}\n")).expect("the section");
    let section = section.split("\n### ").next().unwrap_or_default();
    let blocks: Vec<&str> = code_blocks(section, "sql").collect();
    let [sql] = blocks.as_slice() else { panic!("one block alone: {blocks:?}") };
    (*sql).to_owned()
}

fn done() -> Answer {
    Answer::With(json!(null))
}

fn is_first(one: &Invocation) -> bool {
    one.payload["data"]["n"] == 1
}

/// What tells an event from others, and its number in the test.
fn event(one: &Invocation) -> [Value; 4] {
    ["id", "seq", "occurredAt", "data"].map(|name| one.payload[name].clone())
}

#[tokio::test]
async fn a_dead_letter_that_is_queued_again_has_the_id_of_before() {
    let (service, api) = (unlimited().await, InvokeApi::start().await);
    let function = Function::with_user_service(&service, Some(api.cloud())).await;
    queue(&service, 2, 2).await;
    api.answer(|one| if is_first(one) { Answer::FunctionError } else { done() });
    for _ in 0..shared::relay::MAX_TRIES {
        let _ = function.relay().await;
        service.advance(LATER);
    }
    let letters = "SELECT count(*) FROM auth.dead_letters";
    assert_eq!((undelivered(&service).await, service.count(letters).await), (0, 2));
    let mut tried: Vec<[Value; 4]> =
        api.take().iter().filter(|one| is_first(one)).map(event).collect();
    tried.sort_by_key(|[_, seq, ..]| seq.as_i64());
    tried.dedup();
    assert_eq!(tried.len(), 2, "each under one id: {tried:?}");

    api.answer(|_| done());
    let (again, conflict) = (documented("DeadLetters"), SinkError::Conflict.to_string());
    service
        .sql(&format!(
            "INSERT INTO auth.dead_letters (seq, user_id, topic, payload, created_at, failures,
               reason, died_at)
             VALUES (0, gen_random_uuid(), 'audit', '{{}}', now(), 1, '{conflict}', now());
             {again}"
        ))
        .await;
    // What would conflict again stays.
    assert_eq!((undelivered(&service).await, service.count(letters).await), (2, 1));
    assert_eq!(function.relay().await["delivered"], 2);
    let mut came: Vec<[Value; 4]> = api.take().iter().map(event).collect();
    came.sort_by_key(|[_, seq, ..]| seq.as_i64());
    assert_eq!(came, tried);
    // A second time there is nothing to queue, and events of later get numbers of their own.
    service.sql(&again).await;
    queue(&service, 1, 1).await;
    assert_eq!(function.relay().await["delivered"], 1);
    assert!(tried.iter().all(|[id, ..]| *id != api.came()[0].payload["id"]));
    assert_eq!(undelivered(&service).await, 0);
}
