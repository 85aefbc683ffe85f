//! Who decides, by which code, and until when.

use super::{
    CHALLENGE, DEVICES, KINDS, Kind, OTHER_PHONE, PHONE, SESSIONS, Waiting, approved, challenge,
    id_of, of, refreshed, scan, unlimited,
};
use serde_json::json;
use std::time::Duration;
use tests::race::{tally, together};

#[tokio::test]
async fn one_wrong_code_ends_the_log_in() {
    for kind in KINDS {
        let service = unlimited().await;
        let phone = service.client().sign_up(PHONE).await;
        let client = of(&service, &phone);
        let waiting = Waiting::new(kind, &service, &phone, json!({})).await;
        // What is no code is no guess.
        for body in [json!({}), json!({ "confirmCode": "12345" }), json!({ "confirmCode": 1 })] {
            waiting.approve_with(&client, body).await.refused(400, "validation_failed");
        }
        let wrong = json!({ "confirmCode": waiting.wrong_code() });
        waiting.approve_with(&client, wrong).await.refused(403, "confirm_code_incorrect");
        waiting.approve(&client).await.refused(410, "qr_gone");
        waiting.poll(&service.client()).await.refused(403, "qr_denied");
        let shown = waiting.show(&client).await.expect(200).json();
        assert_eq!(shown["status"], "denied");
        // Also after the right one.
        let waiting = approved(kind, &service, &phone).await;
        let wrong = json!({ "confirmCode": waiting.wrong_code() });
        waiting.approve_with(&client, wrong).await.refused(403, "confirm_code_incorrect");
        waiting.poll(&service.client()).await.refused(403, "qr_denied");
        assert_eq!(service.count(DEVICES).await, 1);
    }
}

/// Parallel guesses are one guess.
#[tokio::test(flavor = "multi_thread")]
async fn of_guesses_at_once_one_is_evaluated() {
    let service = unlimited().await;
    let sandbox = service.sandbox().await;
    let phone = service.client().sign_up(PHONE).await;
    // Of two, the right one is often the last.
    let rounds = [50, 50, 50, 50].into_iter().chain([2; 20]);
    for (round, (guesses, kind)) in rounds.zip(KINDS.into_iter().cycle()).enumerate() {
        let waiting = Waiting::new(kind, &service, &phone, json!({})).await;
        let all = (0..guesses).map(|n| {
            let service = if n % 2 == 0 { service.clone() } else { sandbox.clone() };
            let (waiting, client) = (waiting.clone(), of(&service, &phone));
            // The right one is somewhere among them.
            let right = n == (round * 9 + 1) % guesses;
            let code = if right { waiting.code.clone() } else { waiting.wrong_code() };
            async move { waiting.approve_with(&client, json!({ "confirmCode": code })).await }
        });
        let told = tally(&together(all).await);
        let let_in = told.get("204").copied().unwrap_or_default();
        assert!(let_in <= 1, "{told:?}");
        let wrong = told.get("403 confirm_code_incorrect").copied().unwrap_or_default();
        let gone = told.get("410 qr_gone").copied().unwrap_or_default();
        assert_eq!(wrong + gone + let_in, guesses, "{told:?}");
        // Whatever came first: a wrong one came too, and nobody is let in.
        waiting.poll(&service.client()).await.refused(403, "qr_denied");
    }
    assert_eq!(service.count(SESSIONS).await, 1);
}

#[tokio::test]
async fn who_is_denied_is_not_let_in_later() {
    for kind in KINDS {
        let service = unlimited().await;
        let phone = service.client().sign_up(PHONE).await;
        let client = of(&service, &phone);
        // A token of an hour ago denies.
        service.advance(Duration::from_mins(10));
        let old = client.clone();
        let young = of(&service, &refreshed(&service, &phone).await);
        let waiting = Waiting::new(kind, &service, &phone, json!({})).await;
        let _ = waiting.deny(&old).await.expect(204);
        waiting.deny(&old).await.refused(410, "qr_gone");
        waiting.approve(&young).await.refused(410, "qr_gone");
        waiting.poll(&service.client()).await.refused(403, "qr_denied");
        service.advance(Duration::from_mins(6));
        waiting.poll(&service.client()).await.refused(410, "qr_gone");
    }
    // An approval is taken back until its tokens are fetched.
    for kind in KINDS {
        let service = unlimited().await;
        let phone = service.client().sign_up(PHONE).await;
        let waiting = approved(kind, &service, &phone).await;
        let _ = waiting.deny(&of(&service, &phone)).await.expect(204);
        waiting.poll(&service.client()).await.refused(403, "qr_denied");
        let waiting = approved(kind, &service, &phone).await;
        let _ = waiting.poll(&service.client()).await.expect(200);
        waiting.deny(&of(&service, &phone)).await.refused(410, "qr_gone");
        let _ = waiting.poll(&service.client()).await.expect(200);
        assert_eq!(service.count(DEVICES).await, 2);
    }
}

#[tokio::test]
async fn a_challenge_that_nobody_scanned_is_denied_and_not_approved() {
    let service = unlimited().await;
    let phone = service.client().sign_up(PHONE).await;
    let (client, shown) = (of(&service, &phone), challenge(&service, &phone).await);
    let path = format!("{CHALLENGE}/{}", id_of(&shown));
    let body = json!({ "confirmCode": "000000" });
    client.post(&format!("{path}/approve"), body).await.refused(409, "qr_not_ready");
    let _ = client.post(&format!("{path}/deny"), json!({})).await.expect(204);
    scan(&service.client(), &shown, json!({})).await.refused(410, "qr_gone");
}

#[tokio::test]
async fn nobody_else_sees_or_decides_a_challenge() {
    let service = unlimited().await;
    let phone = service.client().sign_up(PHONE).await;
    let tablet = service.client().log_in(PHONE, "tablet").await;
    let stranger = service.client().sign_up(OTHER_PHONE).await;
    let waiting = Waiting::new(Kind::Challenge, &service, &phone, json!({})).await;
    for other in [&stranger, &tablet] {
        let other = of(&service, other);
        waiting.show(&other).await.refused(404, "qr_not_found");
        waiting.approve(&other).await.refused(404, "qr_not_found");
        let wrong = json!({ "confirmCode": waiting.wrong_code() });
        waiting.approve_with(&other, wrong).await.refused(404, "qr_not_found");
        waiting.deny(&other).await.refused(404, "qr_not_found");
    }
    // Each of them would have ended it.
    let _ = waiting.approve(&of(&service, &phone)).await.expect(204);
    let _ = waiting.poll(&service.client()).await.expect(200);
}

#[tokio::test]
async fn a_link_is_of_whoever_approves_it() {
    let service = unlimited().await;
    let phone = service.client().sign_up(PHONE).await;
    let stranger = of(&service, &service.client().sign_up(OTHER_PHONE).await);
    let waiting = Waiting::new(Kind::Link, &service, &phone, json!({})).await;
    let _ = waiting.show(&stranger).await.expect(200);
    let _ = waiting.approve(&of(&service, &phone)).await.expect(204);
    waiting.show(&stranger).await.refused(404, "qr_not_found");
    waiting.approve(&stranger).await.refused(404, "qr_not_found");
    waiting.deny(&stranger).await.refused(404, "qr_not_found");
    let answer = waiting.poll(&service.client()).await.expect(200).json();
    assert_eq!(answer["userId"], json!(phone.user));
    // One id is not the other.
    for unknown in ["0190a5d0-0000-7000-8000-000000000000", &waiting.id] {
        let path = format!("{CHALLENGE}/{unknown}");
        of(&service, &phone).get(&path).await.refused(404, "qr_not_found");
    }
}

#[tokio::test]
async fn a_log_in_that_takes_too_long_is_gone() {
    for kind in KINDS {
        let (service, seconds) = (unlimited().await, if kind == Kind::Link { 120 } else { 300 });
        let phone = service.client().sign_up(PHONE).await;
        let shown = challenge(&service, &phone).await;
        let waiting = Waiting::new(kind, &service, &phone, json!({})).await;
        let late = approved(kind, &service, &phone).await;
        service.advance(Duration::from_millis(seconds * 1000 - 1));
        let phone = refreshed(&service, &phone).await;
        let client = of(&service, &phone);
        let pending = waiting.poll(&service.client()).await.expect(202).json();
        assert_eq!(pending["expiresIn"], 1);
        if kind == Kind::Challenge {
            let _ = scan(&service.client(), &shown, json!({})).await.expect(202);
        }
        service.advance(Duration::from_millis(1));
        waiting.poll(&service.client()).await.refused(410, "qr_gone");
        late.poll(&service.client()).await.refused(410, "qr_gone");
        waiting.show(&client).await.refused(404, "qr_not_found");
        waiting.approve(&client).await.refused(404, "qr_not_found");
        waiting.deny(&client).await.refused(404, "qr_not_found");
        assert_eq!(service.count(DEVICES).await, 1);
    }
    let service = unlimited().await;
    let phone = service.client().sign_up(PHONE).await;
    let shown = challenge(&service, &phone).await;
    service.advance(Duration::from_mins(5));
    scan(&service.client(), &shown, json!({})).await.refused(410, "qr_gone");
}
