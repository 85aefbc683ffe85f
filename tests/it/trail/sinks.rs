//! The sinks that need nothing but the stores.

use super::{PHONE, local_relay, undelivered, unlimited};
use serde_json::json;
use shared::relay::Relayed;

#[tokio::test]
async fn a_tombstone_that_redis_missed_is_written_again() {
    let service = unlimited().await;
    let client = service.client();
    let session = client.sign_up(PHONE).await;
    let caller = client.clone().bearer(&session.access);
    let _ = caller.post("/auth/v1/logout", json!({})).await.expect(204);
    // As if Redis had not got it: the entry of before is still there.
    let mut redis = service.redis().await;
    let keys: Vec<String> =
        redis::cmd("KEYS").arg("session:*").query_async(&mut redis).await.unwrap();
    assert_eq!(keys.len(), 1);
    let () = redis::cmd("SET").arg(&keys[0]).arg("alive").query_async(&mut redis).await.unwrap();
    let _ = client.ws_token(&session.access).await.expect(200);
    let _ = local_relay(&service).run().await.unwrap();
    client.ws_token(&session.access).await.refused(401, "session_ended");
    let ttl: i64 = redis::cmd("PTTL").arg(&keys[0]).query_async(&mut redis).await.unwrap();
    assert!(ttl > 0, "a tombstone that never expires");
}

#[tokio::test]
async fn an_entry_of_the_release_before_is_put_in_its_place_and_no_other_is_touched() {
    let service = unlimited().await;
    let client = service.client();
    let session = client.sign_up(PHONE).await;
    let _ = client.log_in(PHONE, "another").await;
    let all = "SELECT user_id, seq, encode(hash, 'hex') AS hash, entry, personal, created_at
                 FROM auth.security_events ORDER BY seq";
    let before = service.rows(all).await;
    // That release knows the outbox alone.
    service.sql("DELETE FROM auth.security_events WHERE seq = 1").await;
    let queued = usize::try_from(undelivered(&service).await).unwrap();
    let relayed = local_relay(&service).run().await.unwrap();
    assert_eq!(relayed, Relayed { delivered: queued, ..Relayed::default() });
    assert_eq!(service.rows(all).await, before);

    // It comes late: the account is gone, and nothing personal is put.
    service
        .sql(&format!(
            "DELETE FROM auth.security_events;
             DELETE FROM auth.users_auth WHERE id = '{}';
             UPDATE auth.outbox SET delivered_at = NULL",
            session.user
        ))
        .await;
    let _ = local_relay(&service).run().await.unwrap();
    let kept = service.rows(all).await;
    assert_eq!(kept.len(), before.len());
    for (kept, before) in kept.iter().zip(&before) {
        assert!(kept["personal"].is_null() && before["personal"].is_object());
        assert_eq!((&kept["hash"], &kept["entry"]), (&before["hash"], &before["entry"]));
    }
}

#[tokio::test]
async fn another_entry_in_the_same_place_raises_an_alarm_and_stays() {
    let service = unlimited().await;
    let _ = service.client().sign_up(PHONE).await;
    let changed = "UPDATE auth.security_events SET hash = sha256('other'), entry = '{}'";
    service.sql(changed).await;
    let queued = usize::try_from(undelivered(&service).await).unwrap();
    let relayed = local_relay(&service).run().await.unwrap();
    assert_eq!(relayed, Relayed { delivered: queued - 1, dead: 1, failed: 0 });
    let kept = "SELECT count(*) FROM auth.security_events WHERE entry = '{}'";
    assert_eq!(service.count(kept).await, 1, "the relay overwrites nothing");
    let dead = service.rows("SELECT topic, reason FROM auth.dead_letters").await;
    let reason = "another entry stands in the place of this one";
    assert_eq!(json!(dead), json!([{ "topic": "audit", "reason": reason }]));
    let metrics = service.state.core.cache.metrics().await.unwrap();
    assert!(metrics.contains(&("auth_audit_conflicts_total".to_owned(), 1)));
}

#[tokio::test]
async fn an_event_without_what_its_sink_needs_is_a_dead_letter_at_once() {
    let service = unlimited().await;
    let session = service.client().sign_up(PHONE).await;
    let _ = local_relay(&service).run().await.unwrap();
    for (topic, payload) in [
        ("audit", "{}"),
        ("audit", r#"{"seq": 1, "entry": "{}", "hash": "zz"}"#),
        ("session.ended", r#"{"sessionId": "1"}"#),
    ] {
        service
            .sql(&format!(
                "INSERT INTO auth.outbox (user_id, topic, payload, created_at)
                 VALUES ('{}', '{topic}', '{payload}', now())",
                session.user
            ))
            .await;
    }
    let relayed = local_relay(&service).run().await.unwrap();
    assert_eq!(relayed, Relayed { dead: 3, ..Relayed::default() });
    // They go with the account: a payload may hold what is personal.
    service.sql("DELETE FROM auth.users_auth").await;
    assert_eq!(service.count("SELECT count(*) FROM auth.dead_letters").await, 0);
}
