//! A connection is lost before a statement arrives, or after it was executed and before its
//! reply: in every flow, at every round trip. The client sees the normal answer, and the work
//! is done once.

use super::flows::{FLOWS, Flow, Prepared};
use super::{PHONE, behind_proxy};
use serde_json::json;
use std::time::Duration;
use tests::proxy::Lost;

async fn lose_each_round_trip(flow: Flow) {
    for part in [Lost::Request, Lost::Reply] {
        // Every flow sends something, and the largest arrives in a few pieces.
        for skip in 0.. {
            let (proxy, service) = behind_proxy().await;
            let prepared = Prepared::new(&service, flow).await;
            proxy.lose(skip, part);
            let reply = prepared.send(flow).await;
            let lost = !proxy.has_loss_pending();
            if !lost {
                assert!((1..20).contains(&skip), "{flow:?} sends {skip} times");
                break;
            }
            eprintln!("{flow:?} {part:?} {skip} {}", reply.status);
            let context = format!("{flow:?}, {part:?} {skip}: {}", reply.json());
            assert!(reply.status.as_u16() < 500, "{context}");
            prepared.check(flow, reply).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_repeats_every_flow_and_its_work_is_done_once() {
    for flow in FLOWS {
        lose_each_round_trip(flow).await;
    }
}

/// The connection is lost while the server executes the statement. The repeat arrives before that ends,
/// and waits for it: it still knows the reuse as found by its own first try.
#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_that_overtakes_its_first_try_gives_its_answer() {
    let (proxy, service) = behind_proxy().await;
    let prepared = Prepared::new(&service, Flow::Reuse).await;
    let holder = service.hold("SELECT FROM auth.sessions FOR UPDATE").await;
    let meddle = async {
        service.until_waiting(1).await;
        proxy.reset();
        service.until_waiting(2).await;
        holder.batch_execute("COMMIT").await.unwrap();
    };
    let (reply, ()) = tokio::join!(prepared.send(Flow::Reuse), meddle);
    prepared.check(Flow::Reuse, reply).await;
}

/// Nobody gains a second session, or a second use, by losing replies.
#[tokio::test]
async fn a_lost_reply_makes_no_second_session() {
    let (proxy, service) = behind_proxy().await;
    let prepared = Prepared::new(&service, Flow::Login).await;
    proxy.lose(1, Lost::Reply);
    let _ = prepared.send(Flow::Login).await.expect(200);
    for _ in 0..3 {
        proxy.lose(1, Lost::Reply);
        prepared.send(Flow::Login).await.refused(400, "verification_invalid");
    }
    assert_eq!(service.count("SELECT count(*) FROM auth.sessions").await, 3);
}

/// The row has ended, the answer was lost and no connection could be had: the cache entry is
/// still there. The client asks again.
#[tokio::test]
async fn a_logout_that_was_given_up_and_is_retried_writes_its_tombstone() {
    let (proxy, service) = behind_proxy().await;
    let client = service.client();
    let session = client.sign_up(PHONE).await;
    let other = client.log_in(PHONE, "phone-2").await;
    for (path, body, ended) in [
        ("/auth/v1/logout", json!({ "deviceId": other.device }), &other),
        ("/auth/v1/logout/all", json!({}), &session),
    ] {
        let caller = client.clone().bearer(&session.access);
        proxy.swallow_new(true);
        // The lock, the mark of the call, the statement, COMMIT.
        proxy.lose(3, Lost::Reply);
        caller.post(path, body.clone()).await.refused(503, "unavailable");
        proxy.swallow_new(false);
        let _ = client.ws_token(&ended.access).await.expect(200);
        let _ = caller.post(path, body).await.expect(204);
        client.ws_token(&ended.access).await.refused(401, "session_ended");
    }
}

/// What the answer could not tell is not undone by the retry of the client either.
#[tokio::test]
async fn an_ambiguous_commit_is_a_clean_refusal_or_a_session() {
    let (proxy, service) = behind_proxy().await;
    let prepared = Prepared::new(&service, Flow::Login).await;
    // BEGIN and lock, then the statement, then COMMIT: its reply is lost, and no connection
    // can be had to ask.
    proxy.swallow_new(true);
    proxy.lose(2, Lost::Reply);
    prepared.send(Flow::Login).await.refused(503, "unavailable");
    proxy.swallow_new(false);
    service.advance(Duration::from_secs(1));
    assert_eq!(service.count("SELECT count(*) FROM auth.sessions").await, 3);
    // The first session has no owner. A new verification replaces it on the same device.
    let session = service.client().log_in(PHONE, "phone-9").await;
    let _ = service.client().ws_token(&session.access).await.expect(200);
    let live = "SELECT count(*) FROM auth.sessions WHERE revoked_at IS NULL";
    assert_eq!(service.count(live).await, 3);
}
