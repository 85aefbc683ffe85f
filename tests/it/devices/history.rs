//! Pages of log-ins and of security events: each entry once, the newest first, nobody else's.

use super::{OTHER_PHONE, PHONE, devices, of, remove, unlimited};
use aws_lc_rs::digest::{SHA256, digest};
use domain::hex::hex;
use serde_json::{Value, json};
use shared::clock::date_time;
use std::time::Duration;
use tests::{Service, Session};

const LOG_INS: &str = "/auth/v1/login-history";
const EVENTS: &str = "/auth/v1/security-events";

async fn page(service: &Service, by: &Session, path: &str, cursor: Option<&str>) -> Value {
    let query = cursor.map(|cursor| format!("?cursor={cursor}")).unwrap_or_default();
    of(service, by).get(&format!("{path}{query}")).await.expect(200).json()
}

/// All pages, joined; `between` runs after each.
async fn pages(
    service: &Service,
    by: &Session,
    path: &str,
    between: impl AsyncFn(),
) -> (Vec<Value>, Vec<usize>) {
    let (mut entries, mut sizes, mut cursor) = (Vec::new(), Vec::new(), None::<String>);
    loop {
        let page = page(service, by, path, cursor.as_deref()).await;
        let more = page["entries"].as_array().unwrap();
        sizes.push(more.len());
        entries.extend(more.iter().cloned());
        match page["nextCursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => return (entries, sizes),
        }
        between().await;
    }
}

#[tokio::test]
async fn a_log_in_is_told_with_its_device_address_and_time() {
    let service = unlimited().await;
    let _ = service.client().sign_up(OTHER_PHONE).await;
    let first = service.client().sign_up(PHONE).await;
    let registered = date_time(service.now());
    service.advance(Duration::from_mins(1));
    let elsewhere = service.client_at([198, 51, 100, 9].into());
    let second = elsewhere.log_in(PHONE, "phone-2").await;
    let logged_in = date_time(service.now());
    let told = page(&service, &first, LOG_INS, None).await;
    assert_eq!(told.get("nextCursor"), None);
    let entries = told["entries"].as_array().unwrap();
    let expected = [(&second, "198.51.100.9", &logged_in), (&first, "203.0.113.7", &registered)];
    assert_eq!(entries.len(), expected.len());
    for (entry, (session, address, at)) in entries.iter().zip(expected) {
        let expected = json!({
            "id": entry["id"], "deviceId": session.device, "deviceName": "Unknown device",
            "ipAddress": address, "status": "success", "createdAt": at,
        });
        assert_eq!(*entry, expected);
    }
    // What a removed device did stays.
    let _ = remove(&service, &first, &second.device, json!({})).await.expect(204);
    let told = page(&service, &first, LOG_INS, None).await;
    assert_eq!(told["entries"][0]["ipAddress"], "198.51.100.9");
    assert_eq!(told["entries"][0].get("deviceId"), None);
    assert_eq!(told["entries"][0].get("deviceName"), None);
}

/// Many log-ins at the same millisecond, over more than two pages, while others come in.
#[tokio::test]
async fn each_log_in_comes_once_also_where_many_have_the_same_time() {
    let service = unlimited().await;
    let session = service.client().sign_up(PHONE).await;
    let other = service.client().sign_up(OTHER_PHONE).await;
    let add = async |count: usize, minutes: i32| {
        service
            .sql(&format!(
                "INSERT INTO auth.login_history (id, user_id, ip_address, status, created_at)
                 SELECT gen_random_uuid(), u.user_id, '192.0.2.1', 'failed',
                        (SELECT max(created_at) FROM auth.login_history WHERE device_id IS NOT NULL)
                          + interval '{minutes} minutes'
                   FROM generate_series(1, {count}),
                        (VALUES ('{}'::uuid), ('{}'::uuid)) AS u (user_id)",
                session.user, other.user
            ))
            .await;
    };
    add(60, -1).await;
    add(60, -2).await;
    let (entries, sizes) = pages(&service, &session, LOG_INS, async || add(3, 1).await).await;
    assert_eq!(sizes, [50, 50, 21]);
    let mut ids: Vec<_> = entries.iter().map(|entry| entry["id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 121, "no entry is missing or comes twice");
    let times: Vec<_> = entries.iter().map(|entry| entry["createdAt"].as_str().unwrap()).collect();
    assert!(times.is_sorted_by(|one, next| one >= next), "the newest first");
    let own = format!("SELECT count(*) FROM auth.login_history WHERE user_id = '{}'", session.user);
    assert_eq!(service.count(&own).await, 121 + 6);
}

#[tokio::test]
async fn exactly_one_page_has_no_next_one() {
    let service = unlimited().await;
    let session = service.client().sign_up(PHONE).await;
    let add = "INSERT INTO auth.login_history (id, user_id, ip_address, status, created_at)
               SELECT gen_random_uuid(), user_id, '192.0.2.1', 'failed', created_at
                 FROM auth.login_history LIMIT 1";
    for _ in 1..50 {
        service.sql(add).await;
    }
    let (_, sizes) = pages(&service, &session, LOG_INS, async || ()).await;
    assert_eq!(sizes, [50]);
    service.sql(add).await;
    let (_, sizes) = pages(&service, &session, LOG_INS, async || ()).await;
    assert_eq!(sizes, [50, 1]);
}

#[tokio::test]
async fn a_security_event_is_told_with_what_it_was_done_to() {
    let service = unlimited().await;
    let other = service.client().sign_up(OTHER_PHONE).await;
    let sessions = devices(&service, 2).await;
    let _ = remove(&service, &sessions[0], &sessions[1].device, json!({})).await.expect(204);
    let told = page(&service, &sessions[0], EVENTS, None).await;
    let entries = told["entries"].as_array().unwrap();
    let named: Vec<_> =
        entries.iter().map(|one| (one["seq"].as_i64(), one["event"].as_str())).collect();
    let expected = [(3, "device_removed"), (2, "user_logged_in"), (1, "user_registered")];
    assert_eq!(named, expected.map(|(seq, event)| (Some(seq), Some(event))));
    let removed = json!({
        "seq": 3, "event": "device_removed", "createdAt": date_time(service.now()),
        "sessionId": entries[2]["sessionId"], "deviceId": sessions[1].device,
        "ipAddress": "203.0.113.7",
    });
    assert_eq!(entries[0], removed);
    let text = told.to_string();
    for secret in ["salt", "hash", "address\"", PHONE] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    let told = page(&service, &other, EVENTS, None).await;
    assert_eq!(told["entries"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn security_events_come_in_pages_of_their_order() {
    let service = unlimited().await;
    let session = service.client().sign_up(PHONE).await;
    let _ = service.client().sign_up(OTHER_PHONE).await;
    service
        .sql(
            "INSERT INTO auth.security_events (user_id, seq, hash, entry, personal, created_at)
             SELECT user_id, n, hash, entry, personal, created_at
               FROM auth.security_events, generate_series(2, 120) AS n",
        )
        .await;
    let (entries, sizes) = pages(&service, &session, EVENTS, async || ()).await;
    assert_eq!(sizes, [50, 50, 20]);
    let seqs: Vec<_> = entries.iter().map(|one| one["seq"].as_i64().unwrap()).collect();
    assert_eq!(seqs, (1..=120).rev().collect::<Vec<_>>());
}

#[tokio::test]
async fn a_cursor_that_no_page_gave_is_refused() {
    let service = unlimited().await;
    let session = service.client().sign_up(PHONE).await;
    let client = of(&service, &session);
    for path in [LOG_INS, EVENTS] {
        for bad in ["x", "AAAA", "%00", "-1", "0", "%2e%2e", &"A".repeat(500), "AA&cursor=AA"] {
            let reply = client.get(&format!("{path}?cursor={bad}")).await;
            let problem = reply.json();
            reply.refused(400, "validation_failed");
            assert_eq!(problem["errors"][0]["field"], "cursor", "{problem}");
        }
        for first in ["?cursor=", "?other=x", "?"] {
            let told = client.get(&format!("{path}{first}")).await.expect(200).json();
            assert_eq!(told["entries"].as_array().map(Vec::len), Some(1));
        }
    }
    // The ends of what a number holds, in the form of a cursor.
    for bytes in [[0xff; 8], [0x7f; 8], [0; 8]] {
        let cursor =
            base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, bytes);
        let _ = client.get(&format!("{EVENTS}?cursor={cursor}")).await.expect(200);
        let longer = [&bytes[..], &[0xff; 16]].concat();
        let cursor =
            base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, longer);
        let reply = client.get(&format!("{LOG_INS}?cursor={cursor}")).await;
        assert_eq!(reply.status.as_u16(), if bytes == [0; 8] { 200 } else { 400 });
    }
}

/// What users read is what the sink is told, and the chain holds over it.
#[tokio::test]
async fn the_events_that_users_read_are_the_chain() {
    let service = unlimited().await;
    let sessions = devices(&service, 3).await;
    let _ = remove(&service, &sessions[0], &sessions[2].device, json!({})).await.expect(204);
    let _ = of(&service, &sessions[0]).post("/auth/v1/logout/all", json!({})).await.expect(204);
    let kept = service
        .rows(
            "SELECT seq, entry, personal, encode(hash, 'hex') AS hash, user_id
               FROM auth.security_events ORDER BY seq",
        )
        .await;
    let queued = service
        .rows(
            "SELECT (payload->>'seq')::int8 AS seq, payload->>'entry' AS entry,
                    payload->'personal' AS personal, payload->>'hash' AS hash, user_id
               FROM auth.outbox WHERE topic = 'audit' ORDER BY (payload->>'seq')::int8",
        )
        .await;
    assert_eq!(kept.len(), 5);
    assert_eq!(kept, queued);
    let mut head = vec![0; 32];
    for (seq, event) in (1_i64..).zip(&kept) {
        let entry = event["entry"].as_str().unwrap();
        head = digest(&SHA256, &[&head[..], &seq.to_be_bytes(), entry.as_bytes()].concat())
            .as_ref()
            .to_vec();
        let hash = hex(&head);
        assert_eq!((event["seq"].as_i64(), event["hash"].as_str()), (Some(seq), Some(&*hash)));
    }
    // An account that goes takes along what is personal, and leaves the chain.
    service.sql("DELETE FROM auth.users_auth").await;
    let left = "SELECT count(*) FROM auth.security_events WHERE personal IS NULL";
    assert_eq!(service.count(left).await, 5);
}
