//! What must hold of both stores at any moment, whatever was killed or lost before.

use aws_lc_rs::digest::{SHA256, digest};
use redis::AsyncCommands as _;
use std::collections::{HashMap, HashSet};

use crate::stores::{Stores, connect};
use domain::hex::hex;

/// Queries that return a line of text for each violation. They join counts, so that they also
/// end over millions of rows.
const QUERIES: [(&str, &str); 15] = [
    (
        "a session has no used verification of its own",
        "SELECT s.id::text FROM auth.sessions s
           LEFT JOIN (SELECT used_by, count(*) AS n FROM auth.used_verifications GROUP BY 1) v
             ON v.used_by = s.id
          WHERE v.n IS DISTINCT FROM 1",
    ),
    (
        "a used verification has no session",
        "SELECT v.used_by::text FROM auth.used_verifications v
           LEFT JOIN auth.sessions s ON s.id = v.used_by WHERE s.id IS NULL",
    ),
    (
        "an account has no device",
        "SELECT u.id::text FROM auth.users_auth u
           LEFT JOIN auth.devices d ON d.user_id = u.id WHERE d.id IS NULL",
    ),
    (
        "an account has more than ten devices",
        "SELECT user_id::text FROM auth.devices GROUP BY user_id HAVING count(*) > 10",
    ),
    (
        "a device never had a session",
        "SELECT d.id::text FROM auth.devices d
           LEFT JOIN auth.sessions s ON s.device_id = d.id WHERE s.id IS NULL",
    ),
    (
        "a device has two live sessions",
        "SELECT device_id::text FROM auth.sessions WHERE revoked_at IS NULL
          GROUP BY device_id HAVING count(*) > 1",
    ),
    (
        "a session is not in the login history",
        "SELECT s.device_id::text
           FROM (SELECT device_id, count(*) AS n FROM auth.sessions GROUP BY 1) s
           LEFT JOIN (SELECT device_id, count(*) AS n FROM auth.login_history GROUP BY 1) h
             ON h.device_id = s.device_id
          WHERE h.n IS DISTINCT FROM s.n",
    ),
    (
        "an account was not announced exactly once",
        "SELECT u.id::text FROM auth.users_auth u
           LEFT JOIN (SELECT user_id, count(*) AS n FROM auth.outbox
                       WHERE topic = 'user.registered' GROUP BY 1) o ON o.user_id = u.id
          WHERE o.n IS DISTINCT FROM 1",
    ),
    (
        "a session that ended was not announced exactly once",
        "SELECT s.id::text FROM auth.sessions s
           LEFT JOIN (SELECT payload->>'sessionId' AS id, count(*) AS n FROM auth.outbox
                       WHERE topic = 'session.ended' GROUP BY 1) o ON o.id = s.id::text
          WHERE s.revoked_at IS NOT NULL AND o.n IS DISTINCT FROM 1",
    ),
    (
        "a live session was announced as ended",
        "SELECT s.id::text FROM auth.sessions s
           JOIN auth.outbox o ON o.topic = 'session.ended' AND o.payload->>'sessionId' = s.id::text
          WHERE s.revoked_at IS NULL",
    ),
    (
        "a login has no audit entry of its own",
        "SELECT s.user_id::text
           FROM (SELECT user_id, count(*) AS n FROM auth.sessions GROUP BY 1) s
           LEFT JOIN (SELECT user_id, count(*) AS n FROM auth.outbox WHERE topic = 'audit'
                         AND (payload->>'entry' LIKE '%\"user_logged_in\"%'
                              OR payload->>'entry' LIKE '%\"device_approved\"%'
                              OR payload->>'entry' LIKE '%\"user_registered\"%') GROUP BY 1) o
             ON o.user_id = s.user_id
          WHERE o.n IS DISTINCT FROM s.n",
    ),
    (
        "a security event is not as its event",
        "SELECT o.seq::text FROM auth.outbox o
           LEFT JOIN auth.security_events e
             ON e.user_id = o.user_id AND e.seq = (o.payload->>'seq')::int8
          WHERE o.topic = 'audit' AND encode(e.hash, 'hex') IS DISTINCT FROM o.payload->>'hash'",
    ),
    ("an event is a dead letter", "SELECT reason FROM auth.dead_letters"),
    (
        "a device with an identity key has no signed prekey",
        "SELECT i.device_id::text FROM auth.identity_keys i
           LEFT JOIN auth.signed_prekeys s ON s.device_id = i.device_id
          WHERE s.device_id IS NULL",
    ),
    (
        "a device with an identity key has no number",
        "SELECT i.device_id::text FROM auth.identity_keys i
           JOIN auth.devices d ON d.id = i.device_id WHERE d.signal_device_id IS NULL",
    ),
];

/// Everything that is wrong. `handed_out` are the one-time keys that apps received.
pub async fn violations(stores: &Stores, handed_out: &[String]) -> Vec<String> {
    let client = connect(&stores.database_url).await;
    let mut found = Vec::new();
    for (what, query) in QUERIES {
        for row in client.query(query, &[]).await.expect("the invariant's query runs") {
            found.push(format!("{what}: {}", row.get::<_, String>(0)));
        }
    }
    found.extend(broken_chains(&client).await);
    found.extend(keys_handed_out_twice(&client, handed_out).await);
    found.extend(redis_violations(&client, &stores.redis_url).await);
    found
}

/// The audit entries of each user, from the first to the head.
async fn broken_chains(client: &tokio_postgres::Client) -> Vec<String> {
    let entries =
        "SELECT user_id::text, (payload->>'seq')::int8, payload->>'entry', payload->>'hash'
                     FROM auth.outbox WHERE topic = 'audit' ORDER BY user_id, 2";
    let mut chains: HashMap<String, (i64, Vec<u8>)> = HashMap::new();
    let mut found = Vec::new();
    for row in client.query(entries, &[]).await.expect("the entries") {
        let (user, seq): (String, i64) = (row.get(0), row.get(1));
        let (entry, hash): (String, String) = (row.get(2), row.get(3));
        let (last, head) = chains.entry(user.clone()).or_insert_with(|| (0, vec![0; 32]));
        let bytes = [head.as_slice(), &seq.to_be_bytes(), entry.as_bytes()].concat();
        *head = digest(&SHA256, &bytes).as_ref().to_vec();
        if seq != *last + 1 || hex(head) != hash {
            found.push(format!("the audit chain of {user} breaks at {seq}"));
        }
        *last = seq;
    }
    for row in client
        .query("SELECT user_id::text, seq, head FROM auth.audit_heads", &[])
        .await
        .expect("the heads")
    {
        let (user, seq, head): (String, i64, Vec<u8>) = (row.get(0), row.get(1), row.get(2));
        if chains.get(&user) != Some(&(seq, head)) {
            found.push(format!("the audit head of {user} is not its last entry"));
        }
    }
    found
}

/// No app received a key that another received, and none of them can be handed out again.
async fn keys_handed_out_twice(
    client: &tokio_postgres::Client,
    handed_out: &[String],
) -> Vec<String> {
    let mut times: HashMap<&str, usize> = HashMap::new();
    for key in handed_out {
        *times.entry(key).or_default() += 1;
    }
    let twice = times.iter().filter(|(_, times)| **times > 1);
    let mut found: Vec<_> = twice
        .map(|(key, times)| format!("a one-time key was handed out {times} times: {key}"))
        .collect();
    let unused = "SELECT public_key FROM auth.prekeys WHERE NOT is_used";
    for row in client.query(unused, &[]).await.expect("the unused keys") {
        let key: String = row.get(0);
        if times.contains_key(key.as_str()) {
            found.push(format!("a key that was handed out can be handed out again: {key}"));
        }
    }
    found
}

/// Every key expires, and no session that has ended is cached as alive for long.
async fn redis_violations(client: &tokio_postgres::Client, url: &str) -> Vec<String> {
    let redis = redis::Client::open(url).expect("an address");
    let mut redis = redis.get_multiplexed_async_connection().await.expect("Redis answers");
    let ended = "SELECT id::text FROM auth.sessions WHERE revoked_at IS NOT NULL";
    let ended: HashSet<String> =
        client.query(ended, &[]).await.expect("sessions").iter().map(|row| row.get(0)).collect();
    let keys: Vec<String> = redis.keys("*").await.expect("the keys");
    let mut found = Vec::new();
    for key in keys {
        let ttl: i64 = redis.pttl(&key).await.expect("a time to live");
        // -2: it has expired since.
        if ttl == -1 {
            let name: String = key.split(':').take(2).collect::<Vec<_>>().join(":");
            found.push(format!("a key in Redis never expires: {name}"));
        }
        if key.starts_with("session:")
            && key.rsplit(':').next().is_some_and(|id| ended.contains(id))
        {
            let value: Option<String> = redis.get(&key).await.expect("a value");
            if value.as_deref() == Some("alive") && ttl > 60_000 {
                found.push(format!("a session that has ended is cached for {ttl} ms"));
            }
        }
    }
    found
}
