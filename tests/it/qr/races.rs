//! Many at once: one scan, one session, and no session of an approval that has ended.

use super::{
    DEVICES, KINDS, Kind, PHONE, SESSIONS, Waiting, approved, challenge, is_alive, of, scan,
    security_events, unlimited,
};
use serde_json::json;
use std::collections::BTreeSet;
use tests::race::{counts, tally, together};
use tests::{Service, Session, token};

async fn sandboxes(service: &Service) -> Vec<Service> {
    let mut sandboxes = vec![service.clone()];
    for _ in 0..3 {
        sandboxes.push(service.sandbox().await);
    }
    sandboxes
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_scans_at_once_one_waits() {
    let service = unlimited().await;
    let sandboxes = sandboxes(&service).await;
    let phone = service.client().sign_up(PHONE).await;
    for _ in 0..3 {
        let shown = challenge(&service, &phone).await;
        let scans = (0..50).map(|n| {
            let (client, shown) = (sandboxes[n % 4].client(), shown.clone());
            async move { scan(&client, &shown, json!({ "deviceName": format!("n{n}") })).await }
        });
        let replies = together(scans).await;
        assert_eq!(tally(&replies), counts([("202", 1), ("410 qr_gone", 49)]));
        let won = replies.iter().position(|reply| reply.status == 202).unwrap();
        let waiting = Waiting::read(Kind::Challenge, &replies[won].json());
        let seen = waiting.show(&of(&service, &phone)).await.expect(200).json();
        assert_eq!(seen["device"]["deviceName"], format!("n{won}"));
        let _ = waiting.approve(&of(&service, &phone)).await.expect(204);
        let _ = waiting.poll(&service.client()).await.expect(200);
    }
    assert_eq!(service.count(SESSIONS).await, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_polls_at_once_get_one_session() {
    let service = unlimited().await;
    let sandboxes = sandboxes(&service).await;
    let phone = service.client().sign_up(PHONE).await;
    for (round, kind) in (1_i64..).zip(KINDS) {
        let waiting = approved(kind, &service, &phone).await;
        let polls = (0..50).map(|n| {
            let (client, waiting) = (sandboxes[n % 4].client(), waiting.clone());
            async move { waiting.poll(&client).await }
        });
        let replies = together(polls).await;
        assert_eq!(tally(&replies), counts([("200", 50)]));
        let claims =
            |reply: &tests::Reply| token::claims(&Session::from_reply(reply).refresh).to_string();
        let tokens: BTreeSet<String> = replies.iter().map(claims).collect();
        assert_eq!(tokens.len(), 1, "the same refresh token");
        assert_eq!(service.count(SESSIONS).await, 1 + round);
        assert_eq!(service.count(DEVICES).await, 1 + round);
        assert_eq!(security_events(&service, "device_approved").await, round);
        let history = "SELECT count(*) FROM auth.login_history";
        assert_eq!(service.count(history).await, 1 + round);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn approvals_and_denials_at_once_come_to_one_decision() {
    let service = unlimited().await;
    let sandboxes = sandboxes(&service).await;
    let phone = service.client().sign_up(PHONE).await;
    for kind in KINDS.into_iter().cycle().take(6) {
        let before = service.count(SESSIONS).await;
        let waiting = Waiting::new(kind, &service, &phone, json!({})).await;
        let decisions = (0..20).map(|n| {
            let (client, waiting) = (of(&sandboxes[n % 4], &phone), waiting.clone());
            async move {
                if n < 19 { waiting.approve(&client).await } else { waiting.deny(&client).await }
            }
        });
        let replies = together(decisions).await;
        assert!(replies.iter().all(|reply| matches!(reply.status.as_u16(), 204 | 410)));
        // A denial has the last word.
        let _ = replies[19].clone().expect(204);
        waiting.poll(&service.client()).await.refused(403, "qr_denied");
        assert_eq!(service.count(SESSIONS).await, before);
    }
}

/// The session is made before the approver's ends, or never.
#[tokio::test(flavor = "multi_thread")]
async fn polls_beside_a_logout_of_the_approver_get_a_session_or_nothing() {
    let service = unlimited().await;
    let sandboxes = sandboxes(&service).await;
    let _ = service.client().sign_up(PHONE).await;
    for (round, kind) in KINDS.into_iter().cycle().take(8).enumerate() {
        let approver = service.client().log_in(PHONE, "approver").await;
        let before = service.count(DEVICES).await;
        let waiting = approved(kind, &service, &approver).await;
        let requests = (0..12).map(|n| {
            let (service, waiting) = (sandboxes[n % 4].clone(), waiting.clone());
            let approver = approver.clone();
            async move {
                if n == round {
                    of(&service, &approver).post("/auth/v1/logout", json!({})).await
                } else {
                    waiting.poll(&service.client()).await
                }
            }
        });
        let replies = together(requests).await;
        let told = tally(&replies);
        let _ = replies[round].clone().expect(204);
        let added = service.count(DEVICES).await - before;
        let polls: BTreeSet<&str> =
            told.keys().map(String::as_str).filter(|name| *name != "204").collect();
        assert!(polls.is_subset(&BTreeSet::from(["200", "410 qr_gone"])), "{told:?}");
        assert_eq!(added, i64::from(polls.contains("200")), "{told:?}");
        for reply in replies.iter().filter(|reply| reply.status == 200) {
            assert!(is_alive(&service, &Session::from_reply(reply)).await);
        }
        let new = "joined <> 'registered' AND device_fingerprint <> 'approver'";
        service.sql(&format!("DELETE FROM auth.devices WHERE {new}")).await;
        if added == 0 {
            waiting.poll(&service.client()).await.refused(410, "qr_gone");
        }
    }
}
