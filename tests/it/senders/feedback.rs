//! A right code is reported to the sender that asks for it: once, for the message that brought the
//! code, and whatever becomes of the report.

use super::aws::{code, code_in, service};
use crate::verify::{PHONE, ask, id_of, phone, record_key, resend, wrong_code};
use domain::ids::UserId;
use serde_json::{Value, json};
use shared::relay::sinks::{Event, EventSink as _};
use std::time::Duration;
use tests::end_user_messaging::{ApiMood, EndUserMessaging, message_id};
use tests::proxy::Lost;
use tests::race::together;
use tests::stores::Stores;
use tests::twilio::{Mood, Twilio};
use tests::{Proxy, Service, local_aws};
use uuid::Uuid;
use verify::PhoneNotices;

fn received(n: usize) -> Value {
    json!({ "MessageId": message_id(n), "MessageFeedbackStatus": "RECEIVED" })
}

fn reports(api: &EndUserMessaging) -> Vec<Value> {
    api.calls("PutMessageFeedback")
}

#[tokio::test]
async fn a_right_code_is_reported_once_and_a_wrong_one_never() {
    let api = EndUserMessaging::start().await;
    let service = service(&api.url, &[], &[]).await;
    let client = service.client();
    let id = id_of(&ask(&client, "register", PHONE).await.expect(200));
    let right = code(&api);
    client.confirm("register", &id, &wrong_code(&right)).await.refused(400, "code_incorrect");
    client.confirm("login", &id, &right).await.refused(400, "verification_invalid");
    assert_eq!(reports(&api), Vec::<Value>::new());
    for _ in 0..3 {
        let _ = client.confirm("register", &id, &right).await.expect(200);
    }
    assert_eq!(api.feedback(1).await, [received(1)]);
    let body = json!({ "verificationId": id });
    let _ = client.post("/auth/v1/register", body).await.expect(201);
    assert_eq!(reports(&api), [received(1)]);
}

#[tokio::test]
async fn many_confirms_at_once_are_one_report() {
    let api = EndUserMessaging::start().await;
    let service = service(&api.url, &[], &[]).await;
    let id = id_of(&ask(&service.client(), "register", PHONE).await.expect(200));
    let code = code(&api);
    let confirms = (0..200).map(|_| {
        let (client, id, code) = (service.client(), id.clone(), code.clone());
        async move { client.confirm("register", &id, &code).await.status.as_u16() }
    });
    let statuses = together(confirms).await;
    assert_eq!(statuses, [200; 200]);
    assert_eq!(api.feedback(1).await, [received(1)]);
}

#[tokio::test]
async fn a_report_that_fails_fails_nothing_else() {
    for mood in [
        ApiMood::Refusing(400, "ResourceNotFoundException"),
        ApiMood::Refusing(500, "InternalServerException"),
        ApiMood::Hanging,
        ApiMood::Dropping,
    ] {
        let api = EndUserMessaging::start().await;
        let service = service(&api.url, &[], &[]).await;
        api.set_feedback(mood);
        let client = service.client();
        let id = id_of(&ask(&client, "register", PHONE).await.expect(200));
        let _ = client.confirm("register", &id, &code(&api)).await.expect(200);
        let body = json!({ "verificationId": id });
        let _ = client.post("/auth/v1/register", body).await.expect(201);
        assert_eq!(api.feedback(1).await, [received(1)], "{mood:?}");
    }
}

#[tokio::test]
async fn after_a_resend_the_message_with_the_right_code_is_reported() {
    let api = EndUserMessaging::start().await;
    let service = service(&api.url, &[], &[]).await;
    let client = service.client();
    let id = id_of(&ask(&client, "register", PHONE).await.expect(200));
    service.advance(Duration::from_secs(30));
    let _ = resend(&client, &id).await.expect(200);
    assert_eq!(api.sent().len(), 2);
    let _ = client.confirm("register", &id, &code(&api)).await.expect(200);
    assert_eq!(api.feedback(1).await, [received(2)]);
}

#[tokio::test]
async fn a_failed_resend_leaves_the_report_of_the_earlier_message() {
    let api = EndUserMessaging::start().await;
    let service = service(&api.url, &[], &[]).await;
    let client = service.client();
    let id = id_of(&ask(&client, "register", PHONE).await.expect(200));
    let first = code(&api);
    service.advance(Duration::from_secs(30));
    api.set(ApiMood::Refusing(400, "ValidationException"));
    resend(&client, &id).await.refused(502, "sms_failed");
    let _ = client.confirm("register", &id, &first).await.expect(200);
    assert_eq!(api.feedback(1).await, [received(1)]);
}

/// The provider's id of it is not known, and that of an earlier message would be wrong.
#[tokio::test]
async fn a_message_whose_answer_was_lost_is_not_reported() {
    let api = EndUserMessaging::start().await;
    let service = service(&api.url, &[], &[]).await;
    let client = service.client();
    let id = id_of(&ask(&client, "register", PHONE).await.expect(200));
    service.advance(Duration::from_secs(30));
    api.set(ApiMood::Dropping);
    let _ = resend(&client, &id).await.expect(200);
    let _ = client.confirm("register", &id, &code(&api)).await.expect(200);
    assert_eq!(reports(&api), Vec::<Value>::new());
}

#[tokio::test]
async fn the_fallback_is_reported_to_if_it_sent() {
    let (api, twilio) = (EndUserMessaging::start().await, Twilio::start().await);
    let variables: Vec<_> = twilio.variables().into_iter().collect();
    let sms = [&variables[..], &[("SMS_FALLBACK", "end-user-messaging")]].concat();
    let service = service(&api.url, &[], &sms).await;
    let client = service.client();
    let id = id_of(&ask(&client, "register", PHONE).await.expect(200));
    let by_twilio = code_in(&json!(twilio.sent()[0].form["Body"]));
    let _ = client.confirm("register", &id, &by_twilio).await.expect(200);
    assert_eq!(reports(&api), Vec::<Value>::new());

    twilio.set(Mood::Refusing(500));
    let id = id_of(&ask(&client, "register", PHONE).await.expect(200));
    let _ = client.confirm("register", &id, &code(&api)).await.expect(200);
    assert_eq!(api.feedback(1).await, [received(1)]);
}

/// A shipped client goes on with its first id and enters the code of its last request.
#[tokio::test]
async fn a_later_code_in_an_earlier_verification_is_reported_for_its_own_message() {
    let api = EndUserMessaging::start().await;
    let service = service(&api.url, &[("LEGACY_CLIENTS", "true")], &[]).await;
    let client = service.client();
    let first = id_of(&ask(&client, "register", PHONE).await.expect(200));
    let _ = ask(&client, "register", PHONE).await.expect(200);
    let _ = client.confirm("register", &first, &code(&api)).await.expect(200);
    assert_eq!(api.feedback(1).await, [received(2)]);
}

/// The service repeats a call whose reply was lost. No loss makes a second message or report.
#[tokio::test]
async fn replies_of_redis_that_are_lost_double_neither_message_nor_report() {
    let api = EndUserMessaging::start().await;
    let stores = Stores::fresh().await;
    let (proxy, redis_url) = Proxy::before(&stores.redis_url).await;
    let direct = Service::over(stores.clone(), &[("RATE_LIMITS", "off")]).await;
    let config = local_aws::config(&api.url);
    let make = |sender| ::aws::senders::make(&config, sender);
    let lossy = direct.over_stores(Stores { redis_url, ..stores }).await;
    let service = lossy.with_cloud_senders(&[("SMS_SENDER", "end-user-messaging")], &make).await;
    let client = service.client();
    let mut total = 0_u16;
    for step in ["request", "confirm"] {
        for skipped in 0..3 {
            let lose = |at: &str| {
                if step == at {
                    proxy.lose(skipped, Lost::Reply);
                }
            };
            lose("request");
            let id = id_of(&ask(&client, "register", &phone(total)).await.expect(200));
            lose("confirm");
            let _ = client.confirm("register", &id, &code(&api)).await.expect(200);
            total += 1;
            let count = usize::from(total);
            assert_eq!(api.sent().len(), count, "{step} {skipped}");
            assert_eq!(api.feedback(count).await.len(), count, "{step} {skipped}");
        }
    }
}

/// Nobody confirms it, so it would count as one that did not arrive.
#[tokio::test]
async fn a_notice_asks_for_no_report() {
    let api = EndUserMessaging::start().await;
    let service = service(&api.url, &[], &[]).await;
    let event = Event {
        id: Uuid::from_u128(7),
        seq: 1,
        user: UserId::from_uuid(Uuid::from_u128(8)),
        topic: "security.notice".to_owned(),
        payload: json!({ "to": "phone", "notice": "phone_changed", "phoneNumber": PHONE }),
        created_at: service.now(),
    };
    PhoneNotices(service.state.verify.clone()).deliver(&event).await.expect("a notice");
    assert_eq!(api.sent()[0]["MessageFeedbackEnabled"], false);
}

#[tokio::test]
async fn the_record_keeps_the_id_of_the_message_and_ends_with_the_verification() {
    let api = EndUserMessaging::start().await;
    let service = service(&api.url, &[], &[]).await;
    let id = id_of(&ask(&service.client(), "register", PHONE).await.expect(200));
    let mut redis = service.redis().await;
    let kept: String = redis::cmd("HGET")
        .arg(record_key(&id))
        .arg("receipt")
        .query_async(&mut redis)
        .await
        .unwrap();
    let (_, receipt) = kept.split_once(' ').expect("a digest and a receipt");
    assert_eq!(receipt, format!("end-user-messaging:{}", message_id(1)));
    let left: i64 = redis::cmd("PTTL").arg(record_key(&id)).query_async(&mut redis).await.unwrap();
    assert!((1..=900_000).contains(&left), "{left}");
}
