//! The budgets of a country and of all: what fraud may cost in an hour.

use super::{UNREACHABLE_SENDER, confirmed, elsewhere, french, refusing_after, request};
use crate::verify::keys;
use serde_json::json;
use std::time::Duration;
use tests::race::together;
use tests::{Reply, Service, Session};

const BRITISH: &str = "+447400123456";

/// Asks for a code with an earlier token of the account.
async fn request_known(service: &Service, n: u32, phone: &str, session: &Session) -> Reply {
    let body = json!({ "phoneNumber": phone, "previousToken": session.refresh });
    service.client_at(elsewhere(n)).post("/auth/v1/verify/login/request", body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_spend_four_fifths_of_the_budget_of_a_country_exactly_and_alone() {
    let service = Service::with(&[("SMS_BUDGET_PER_COUNTRY", "25")]).await;
    let requests = (0..200).map(|n| {
        let service = service.clone();
        async move { request(&service, n, &french(n, 0)).await }
    });
    let replies = together(requests).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 20);
    assert_eq!(replies.iter().filter(|reply| reply.code() == "sms_paused").count(), 180);
    assert_eq!(service.inbox().await.len(), 20);
    let _ = request(&service, 999, BRITISH).await.expect(200);
}

#[tokio::test]
async fn a_country_with_a_budget_of_its_own_does_not_have_that_of_the_others() {
    let service = Service::with(&[("SMS_BUDGET_PER_COUNTRY", "FR=5,*=1")]).await;
    for n in 0..4 {
        let _ = request(&service, n, &french(n, 0)).await.expect(200);
    }
    request(&service, 4, &french(4, 0)).await.refused(429, "sms_paused");
    let _ = request(&service, 5, BRITISH).await.expect(200);
    request(&service, 6, "+447400123457").await.refused(429, "sms_paused");
}

#[tokio::test]
async fn a_budget_slides_no_hour_has_more() {
    let service = Service::with(&[("SMS_BUDGET_PER_COUNTRY", "5")]).await;
    let mut sent = Vec::new();
    for n in 0..40_u32 {
        for m in 0..3 {
            let reply = request(&service, n * 3 + m, &french(n, m)).await;
            if reply.status == 200 {
                sent.push(n * 7);
            } else {
                reply.refused(429, "sms_paused");
            }
        }
        service.advance(Duration::from_mins(7));
    }
    for minute in 0..40 * 7 {
        let hour = sent.iter().filter(|at| (minute..minute + 60).contains(*at)).count();
        assert!(hour <= 4, "{hour} in the hour from minute {minute}");
    }
    assert!(sent.len() >= 4 * 4, "what is over an hour old is free again: {sent:?}");
}

#[tokio::test]
async fn a_refusal_by_the_budget_says_when_there_is_room() {
    let service = Service::with(&[("SMS_BUDGET_PER_COUNTRY", "1")]).await;
    let _ = request(&service, 0, &french(0, 0)).await.expect(200);
    let reply = request(&service, 1, &french(1, 0)).await.refused(429, "sms_paused");
    let wait: u64 = reply.header("retry-after").unwrap().parse().unwrap();
    assert!((3600..=3660).contains(&wait), "{wait}");
    service.advance(Duration::from_secs(wait - 1));
    request(&service, 2, &french(2, 0)).await.refused(429, "sms_paused");
    service.advance(Duration::from_secs(1));
    let _ = request(&service, 3, &french(3, 0)).await.expect(200);
}

#[tokio::test]
async fn known_devices_have_the_last_fifth_and_no_more() {
    let service = Service::with(&[("SMS_BUDGET_PER_COUNTRY", "10")]).await;
    let mut owners = Vec::new();
    for n in 0..4 {
        owners.push(service.client_at(elsewhere(n)).sign_up(&french(n, 0)).await);
    }
    for n in 4..8 {
        let _ = request(&service, n, &french(n, 0)).await.expect(200);
    }
    request(&service, 8, &french(8, 0)).await.refused(429, "sms_paused");
    for (n, owner) in (0..2).zip(&owners) {
        let _ = request_known(&service, n, &french(n, 0), owner).await.expect(200);
    }
    // Old tokens, however many, do not pump beyond the budget.
    for (n, owner) in (2..4).zip(&owners[2..]) {
        let reply = request_known(&service, n, &french(n, 0), owner).await;
        reply.refused(429, "sms_paused");
    }
    assert_eq!(service.inbox().await.len(), 10);
}

#[tokio::test]
async fn each_country_keeps_a_share_of_the_budget_of_all() {
    let budgets = [("SMS_BUDGET_GLOBAL", "100"), ("SMS_BUDGET_PER_COUNTRY", "100")];
    let service = Service::with(&budgets).await;
    // One country uses its own share and what all may use beyond theirs.
    for n in 0..40 {
        let _ = request(&service, n, &french(n, 0)).await.expect(200);
    }
    request(&service, 40, &french(40, 0)).await.refused(429, "sms_paused");
    // The others have theirs, up to four fifths of all.
    for (country, prefix) in (1..).zip(["+4915112345", "+447400123"]) {
        for n in 0..20 {
            let phone = format!("{prefix}{n:03}");
            let _ = request(&service, 100 * country + n, &phone).await.expect(200);
        }
        let phone = format!("{prefix}999");
        request(&service, 100 * country + 50, &phone).await.refused(429, "sms_paused");
    }
    request(&service, 300, "+34612345678").await.refused(429, "sms_paused");
    assert_eq!(service.inbox().await.len(), 80);
}

#[tokio::test]
async fn a_share_is_what_was_confirmed_in_this_hour_a_week_ago() {
    let budgets = [("SMS_BUDGET_GLOBAL", "100"), ("SMS_BUDGET_PER_COUNTRY", "100")];
    let service = Service::with(&budgets).await;
    for n in 0..30 {
        confirmed(&service, n, &french(n, 0)).await;
    }
    service.advance(Duration::from_hours(7 * 24));
    for n in 0..40 {
        let _ = request(&service, n, &format!("+4915112345{n:03}")).await.expect(200);
    }
    request(&service, 40, "+4915112345678").await.refused(429, "sms_paused");
    for n in 0..30 {
        let _ = request(&service, n, &french(n, 0)).await.expect(200);
    }
    request(&service, 61, &french(61, 0)).await.refused(429, "sms_paused");
}

#[tokio::test]
async fn confirmed_codes_do_not_use_up_a_share() {
    let budgets = [("SMS_BUDGET_GLOBAL", "50"), ("SMS_BUDGET_PER_COUNTRY", "100")];
    let service = Service::with(&budgets).await;
    for n in 0..10 {
        let _ = request(&service, n, &format!("+4915112345{n:03}")).await.expect(200);
    }
    for n in 0..30 {
        confirmed(&service, 100 + n, &french(n, 0)).await;
    }
}

#[tokio::test]
async fn the_budget_of_all_holds_over_countries() {
    let service =
        Service::with(&[("SMS_BUDGET_GLOBAL", "3"), ("SMS_BUDGET_PER_COUNTRY", "3")]).await;
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
    service.advance(Duration::from_mins(61));
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

/// Redis may lose in a failover what it counted, here just before the sender fails.
#[tokio::test]
async fn what_is_given_back_enlarges_no_budget() {
    let budgets = [("SMS_BUDGET_PER_COUNTRY", "1"), ("SMS_BUDGET_GLOBAL", "1")];
    let working = Service::with(&budgets).await;
    let service = working.clone();
    let lose_counts = move |_| {
        let service = service.clone();
        async move {
            let mut redis = service.redis().await;
            let [country, all] = ["rate_limit:sms_country:*", "rate_limit:sms_global:*"];
            let counts = [keys(&service, country).await, keys(&service, all).await].concat();
            let lost: u32 = redis::cmd("DEL").arg(counts).query_async(&mut redis).await.unwrap();
            assert_eq!(lost, 2);
        }
    };
    let failing = refusing_after(&working, lose_counts).await;
    request(&failing, 0, &french(0, 0)).await.refused(502, "sms_failed");
    let _ = request(&working, 1, &french(1, 0)).await.expect(200);
    request(&working, 2, &french(2, 0)).await.refused(429, "sms_paused");
}

#[tokio::test]
async fn one_network_takes_five_codes_of_a_number_an_hour() {
    let service = Service::start().await;
    let phone = french(0, 0);
    for n in 0..5 {
        service.advance(Duration::from_secs(12));
        let client = service.client_at([192, 0, 2, n].into());
        let body = json!({ "phoneNumber": phone });
        let _ = client.post("/auth/v1/verify/login/request", body).await.expect(200);
    }
    service.advance(Duration::from_secs(12));
    let client = service.client_at([192, 0, 2, 99].into());
    let body = json!({ "phoneNumber": phone });
    client.post("/auth/v1/verify/login/request", body).await.refused(429, "rate_limited");
    // An IPv6 network is a /48.
    for n in 0..5_u16 {
        service.advance(Duration::from_secs(12));
        let client = service.client_at([0x2001, 0xdb8, 7, n, 0, 0, 0, 1].into());
        let body = json!({ "phoneNumber": phone });
        let _ = client.post("/auth/v1/verify/login/request", body).await.expect(200);
    }
    service.advance(Duration::from_secs(12));
    let client = service.client_at([0x2001, 0xdb8, 7, 99, 0, 0, 0, 1].into());
    let body = json!({ "phoneNumber": phone });
    client.post("/auth/v1/verify/login/request", body).await.refused(429, "rate_limited");
    // The number has codes left for others.
    let _ = request(&service, 1, &phone).await.expect(200);
}
