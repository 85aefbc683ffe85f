//! The budgets of a country and of all: what fraud may cost in an hour.

use super::{UNREACHABLE_SENDER, elsewhere, french, request};
use serde_json::json;
use std::time::Duration;
use tests::Service;
use tests::race::together;

const BRITISH: &str = "+447400123456";

#[tokio::test(flavor = "multi_thread")]
async fn a_country_spends_its_budget_exactly_and_alone() {
    let service = Service::with(&[("SMS_BUDGET_PER_COUNTRY", "20")]).await;
    let requests = (0..200).map(|n| {
        let service = service.clone();
        async move { request(&service, n, &french(n, 0)).await }
    });
    let replies = together(requests).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 20);
    assert_eq!(replies.iter().filter(|reply| reply.code() == "sms_paused").count(), 180);
    assert_eq!(service.inbox().await.len(), 20);
    let _ = request(&service, 999, BRITISH).await.expect(200);
    // One comes back every twentieth of an hour.
    service.advance(Duration::from_mins(3));
    let _ = request(&service, 1000, &french(1000, 0)).await.expect(200);
    request(&service, 1001, &french(1001, 0)).await.refused(429, "sms_paused");
}

#[tokio::test]
async fn the_budget_of_all_holds_over_countries() {
    let service = Service::with(&[("SMS_BUDGET_GLOBAL", "3")]).await;
    for n in 0..2 {
        let _ = request(&service, n, &french(n, 0)).await.expect(200);
    }
    let _ = request(&service, 2, BRITISH).await.expect(200);
    request(&service, 3, &french(3, 0)).await.refused(429, "sms_paused");
}

#[tokio::test]
async fn a_refused_request_takes_nothing_of_the_number() {
    let service = Service::with(&[("SMS_BUDGET_PER_COUNTRY", "1")]).await;
    let _ = request(&service, 0, &french(0, 0)).await.expect(200);
    for n in 1..30 {
        request(&service, n, &french(1, 1)).await.refused(429, "sms_paused");
    }
    // Had those counted, the number's own limit of five a minute would refuse now.
    service.advance(Duration::from_hours(1));
    let _ = request(&service, 31, &french(1, 1)).await.expect(200);
}

#[tokio::test]
async fn what_could_not_be_sent_is_given_back() {
    let budgets = [("SMS_BUDGET_PER_COUNTRY", "1"), ("SMS_BUDGET_GLOBAL", "1")];
    let service = Service::with(&[&UNREACHABLE_SENDER[..], &budgets[..]].concat()).await;
    for n in 0..5 {
        request(&service, n, &french(n, 0)).await.refused(502, "sms_failed");
    }
    let working = Service::over(service.stores.clone(), &budgets).await;
    let _ = request(&working, 6, &french(6, 0)).await.expect(200);
    request(&working, 7, &french(7, 0)).await.refused(429, "sms_paused");
}

#[tokio::test]
async fn an_owner_is_not_stopped_by_the_budget_of_the_country() {
    let service = Service::with(&[("SMS_BUDGET_PER_COUNTRY", "2")]).await;
    let phone = french(0, 7);
    let session = service.client_at(elsewhere(1)).sign_up(&phone).await;
    let _ = request(&service, 2, &french(1, 0)).await.expect(200);
    request(&service, 3, &french(2, 0)).await.refused(429, "sms_paused");
    let body = json!({ "phoneNumber": phone, "previousToken": session.refresh });
    let owner = service.client_at(elsewhere(4));
    let _ = owner.post("/auth/v1/verify/login/request", body).await.expect(200);
}
