//! A schedule asks Redis first: a database in which nothing has happened is left alone for a day, and
//! nothing that happened is left for the day after.

use super::{Function, PHONE, queue, undelivered, unlimited};
use domain::ids::UserId;
use serde_json::json;
use shared::audit::SecurityEvent;
use std::time::Duration;
use tests::Service;
use tests::invoke_api::{Answer, InvokeApi};
use uuid::Uuid;

/// Whether a scheduled run sent anything to Postgres.
async fn touches_postgres(function: &Function) -> bool {
    let before = function.state.core.store.round_trips();
    let report = function.scheduled().await;
    let touched = function.state.core.store.round_trips() > before;
    assert_eq!(report["skipped"], !touched);
    touched
}

async fn time_to_live(service: &Service, key: &str) -> i64 {
    let mut redis = service.redis().await;
    redis::cmd("PTTL").arg(key).query_async(&mut redis).await.unwrap()
}

#[tokio::test]
async fn an_idle_database_is_left_alone_for_a_day() {
    let service = unlimited().await;
    let function = Function::new(&service, None, None, &[]).await;
    assert!(touches_postgres(&function).await, "nobody has looked yet");
    for _ in 0..5 {
        assert!(!touches_postgres(&function).await);
    }
    // Longer than from one maintenance to the next, which invokes a relay.
    let looked = time_to_live(&service, "relay:{relay}:looked").await;
    assert!((86_400_000 + 1..=90_000_000).contains(&looked), "{looked}");
    let mut redis = service.redis().await;
    let () = redis::cmd("DEL").arg("relay:{relay}:looked").query_async(&mut redis).await.unwrap();
    queue(&service, 1, 1).await;
    assert!(touches_postgres(&function).await, "the day is over");
    assert_eq!(undelivered(&service).await, 0, "a commit whose mark was lost");
}

#[tokio::test]
async fn what_a_commit_marked_is_delivered_by_the_next_schedule() {
    let (service, api) = (unlimited().await, InvokeApi::start().await);
    let variables = [("RELAY_FUNCTION", "relay"), ("RATE_LIMITS", "off")];
    let service = service.in_cloud(Some(api.cloud()), &variables).await;
    // Not one invocation of the relay arrives.
    api.answer(|_| Answer::Refused(500));
    let function = Function::new(&service, None, None, &[]).await;
    assert!(touches_postgres(&function).await);
    let _ = service.client().sign_up(PHONE).await;
    assert!(undelivered(&service).await > 0);
    assert!(touches_postgres(&function).await);
    assert_eq!(undelivered(&service).await, 0);
    assert!(!touches_postgres(&function).await, "the mark has served");
}

/// It commits while the relay is at work: the mark of before must not take its own away.
#[tokio::test]
async fn a_mark_that_is_newer_than_the_look_stays() {
    let service = unlimited().await;
    let cache = &service.state.core.cache;
    assert!(cache.mark_outbox("first").await.unwrap());
    let mark = cache.begin_relay().await.unwrap();
    assert_eq!(mark.token.as_deref(), Some("first"));
    assert!(cache.mark_outbox("second").await.unwrap());
    cache.note_look(mark.token.as_deref(), service.now()).await.unwrap();
    let mark = cache.begin_relay().await.unwrap();
    assert_eq!((mark.token.as_deref(), mark.is_looked_at), (Some("second"), true));
    cache.note_look(mark.token.as_deref(), service.now()).await.unwrap();
    assert_eq!(cache.begin_relay().await.unwrap().token, None);
}

#[tokio::test]
async fn the_mark_stays_while_something_waits() {
    let (service, api) = (unlimited().await, InvokeApi::start().await);
    let function = Function::with_user_service(&service, Some(api.cloud())).await;
    queue(&service, 1, 1).await;
    assert!(service.state.core.cache.mark_outbox("a commit").await.unwrap());
    api.answer(|_| Answer::FunctionError);
    assert!(touches_postgres(&function).await);
    assert!(touches_postgres(&function).await, "an event waits for its next try");
    api.answer(|_| Answer::With(json!(null)));
    service.advance(Duration::from_hours(1));
    assert!(touches_postgres(&function).await);
    assert_eq!(undelivered(&service).await, 0);
    assert!(!touches_postgres(&function).await);
}

#[tokio::test]
async fn counts_of_an_hour_wake_the_database_when_it_is_over() {
    let service = unlimited().await;
    let function = Function::new(&service, None, None, &[]).await;
    let session = service.client().sign_up(PHONE).await;
    assert!(touches_postgres(&function).await);
    let user = UserId::from_uuid(Uuid::try_parse(&session.user).unwrap());
    let cache = &service.state.core.cache;
    cache.count_hourly_event(user, SecurityEvent::LogInsFailed, service.now()).await.unwrap();
    assert!(!touches_postgres(&function).await, "the hour is not over");
    service.advance(Duration::from_hours(2));
    let report = function.scheduled().await;
    assert_eq!((&report["skipped"], &report["hourly"]), (&json!(false), &json!(1)));
    assert_eq!(undelivered(&service).await, 0, "its entry is delivered, too");
    assert!(!touches_postgres(&function).await);
}

#[tokio::test]
async fn without_redis_a_schedule_looks_each_time() {
    let service = unlimited().await;
    let nowhere = [("REDIS_URL", "redis://127.0.0.1:1/0")];
    let function = Function::new(&service, None, None, &nowhere).await;
    queue(&service, 1, 1).await;
    // It delivers, and then fails: the counts of the hour could not be read.
    assert!(function.invoke(json!({ "task": "scheduled" })).await.is_err());
    assert_eq!(undelivered(&service).await, 0);
}
