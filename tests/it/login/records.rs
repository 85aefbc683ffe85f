//! What a log-in leaves for others: news in the outbox, the log-in history, and a chain of
//! security events that can be checked.

use super::{PHONE, log_in, unlimited};
use aws_lc_rs::digest::{SHA256, digest};
use domain::hex::hex;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tests::race::together;
use tests::{Service, Session};

async fn news(service: &Service, topic: &str) -> Vec<Value> {
    let query = format!("SELECT payload FROM auth.outbox WHERE topic = '{topic}' ORDER BY seq");
    service.rows(&query).await.into_iter().map(|row| row["payload"].clone()).collect()
}

/// Follows each user's chain from its beginning to its head, as an auditor would who has
/// only the entries. Gives the events of each user, in order.
async fn audited(service: &Service) -> BTreeMap<String, Vec<Value>> {
    let entries = service
        .rows(
            "SELECT user_id, payload FROM auth.outbox WHERE topic = 'audit'
                ORDER BY user_id, (payload->>'seq')::bigint",
        )
        .await;
    let mut chains: BTreeMap<String, ([u8; 32], Vec<Value>)> = BTreeMap::new();
    for row in entries {
        let user = row["user_id"].as_str().unwrap().to_owned();
        let payload = &row["payload"];
        let (head, events) = chains.entry(user).or_default();
        let seq = u64::try_from(events.len() + 1).unwrap();
        assert_eq!(payload["seq"], seq, "a gap or a double in the chain");
        let entry = payload["entry"].as_str().unwrap();
        let link = [&head[..], &seq.to_be_bytes(), entry.as_bytes()].concat();
        head.copy_from_slice(digest(&SHA256, &link).as_ref());
        assert_eq!(payload["hash"], hex(head), "the chain is broken at {seq}");

        let entry: Value = serde_json::from_str(entry).unwrap();
        let personal = &payload["personal"]["address"];
        let (salt, value) =
            (personal["salt"].as_str().unwrap(), personal["value"].as_str().unwrap());
        assert!(!entry.to_string().contains(value), "a personal value is in the hashed entry");
        let commitment = digest(&SHA256, format!("{salt}{value}").as_bytes());
        assert_eq!(entry["address"], tests::token::encode(commitment));
        events.push(entry);
    }
    let heads = service.rows("SELECT user_id, seq, head FROM auth.audit_heads").await;
    assert_eq!(heads.len(), chains.len());
    for row in heads {
        let (head, events) = &chains[row["user_id"].as_str().unwrap()];
        assert_eq!(row["seq"], events.len());
        assert_eq!(row["head"], format!("\\x{}", hex(head)));
    }
    chains.into_iter().map(|(user, (_, events))| (user, events)).collect()
}

#[tokio::test]
async fn every_step_of_an_account_is_told_once() {
    let service = unlimited().await;
    let client = service.client();
    let first = client.sign_up(PHONE).await;
    let at = service.now().millis();
    assert_eq!(
        news(&service, "user.registered").await,
        [json!({ "userId": first.user, "phoneNumber": PHONE, "timestamp": at })]
    );
    // The account itself is the news of its first device.
    assert!(news(&service, "device.added").await.is_empty());

    service.advance(Duration::from_mins(1));
    let at = service.now().millis();
    let second = client.log_in(PHONE, "phone-2").await;
    let added = json!({ "userId": first.user, "deviceId": second.device, "timestamp": at });
    assert_eq!(news(&service, "device.added").await, std::slice::from_ref(&added));
    assert!(news(&service, "session.ended").await.is_empty());

    let third = client.log_in(PHONE, "phone-2").await;
    assert_eq!(news(&service, "device.added").await, [added], "an old device is no news");
    let mut ended = vec![json!({ "sessionId": second.id() })];
    assert_eq!(news(&service, "session.ended").await, ended);

    let bearer = client.clone().bearer(&third.access);
    let _ = bearer.post("/auth/v1/logout", json!({})).await.expect(204);
    ended.push(json!({ "sessionId": third.id() }));
    assert_eq!(news(&service, "session.ended").await, ended);
    assert_eq!(news(&service, "user.registered").await.len(), 1);

    let events = &audited(&service).await[&first.user];
    let names: Vec<_> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(names, ["user_registered", "user_logged_in", "user_logged_in", "session_ended"]);
    let sessions: Vec<_> = events.iter().map(|event| event["sessionId"].clone()).collect();
    assert_eq!(sessions, [first.id(), second.id(), third.id(), third.id()]);
    assert_eq!(events[1]["at"], at);
}

#[tokio::test]
async fn the_history_tells_where_from_and_on_which_device() {
    let service = unlimited().await;
    let first = service.client().sign_up(PHONE).await;
    service.advance(Duration::from_millis(1));
    let elsewhere = service.client_at("2001:db8::7".parse().unwrap());
    let second = elsewhere.log_in(PHONE, "phone-2").await;
    let history = service
        .rows("SELECT user_id, device_id, ip_address, status FROM auth.login_history ORDER BY id")
        .await;
    let line = |session: &Session, address: &str| {
        json!({ "user_id": first.user, "device_id": session.device, "ip_address": address,
                "status": "success" })
    };
    assert_eq!(history, [line(&first, "203.0.113.7"), line(&second, "2001:db8::7")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chain_of_events_holds_under_parallel_writes() {
    /// With the first one as many as an account may have.
    const DEVICES: usize = 9;
    let service = unlimited().await;
    let sandbox = service.sandbox().await;
    let client = service.client();
    let account = client.sign_up(PHONE).await;
    let other = client.sign_up(super::OTHER_PHONE).await;
    let mut verified = Vec::new();
    for _ in 0..DEVICES {
        verified.push(client.verified("login", PHONE).await);
    }
    let logins = verified.into_iter().enumerate().map(|(number, id)| {
        let client = if number % 2 == 0 { service.client() } else { sandbox.client() };
        let body = json!({ "verificationId": id, "deviceId": format!("phone-{number}") });
        async move { Session::from_reply(&log_in(&client, body).await.expect(200)) }
    });
    let sessions = together(logins).await;
    let logouts = sessions.into_iter().enumerate().map(|(number, session)| {
        let client = if number % 2 == 0 { sandbox.client() } else { service.client() };
        async move { client.bearer(&session.access).post("/auth/v1/logout", json!({})).await }
    });
    for reply in together(logouts).await {
        let _ = reply.expect(204);
    }
    let chains = audited(&service).await;
    assert_eq!(chains[&account.user].len(), 1 + 2 * DEVICES);
    assert_eq!(chains[&other.user].len(), 1);
    assert_eq!(news(&service, "session.ended").await.len(), DEVICES);
}
