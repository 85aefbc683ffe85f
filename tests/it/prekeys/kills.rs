//! The server's side of a connection is ended at any statement, while takes and uploads run.

use super::{ALICE, BOB, KEYS, LAST_RESORT, Person, ids};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tests::Service;
use tests::race::alone;
use tests::stores::connect;
use tokio::sync::Semaphore;

const ROUNDS: i64 = 15;
const TAKERS: usize = 4;
/// Takes between two uploads, at most.
const TAKES: usize = 40;

/// A killed statement loses at most the keys that it took. No key is handed out twice, none
/// is missing while there are some, and every upload ends whole.
#[tokio::test(flavor = "multi_thread")]
async fn killed_backends_lose_at_most_the_keys_of_their_statements() {
    let service =
        Service::with(&[("RATE_LIMITS", "off"), ("ONE_TIME_KEYS_BURST", "1000000")]).await;
    let bob = Person::new(&service, BOB, 100, 100).await;
    let alice = Person::new(&service, ALICE, 0, 0).await;
    let _alone = alone().await;
    let done = Arc::new(AtomicBool::new(false));
    let kills = Arc::new(AtomicUsize::new(0));
    let takes = Arc::new(Semaphore::new(0));

    let killer = {
        let client = connect(&service.stores.database_url).await;
        let (done, kills) = (done.clone(), kills.clone());
        tokio::spawn(async move {
            let kill = "SELECT count(pg_terminate_backend(pid)) FROM (
                 SELECT pid FROM pg_stat_activity WHERE datname = current_database()
                    AND application_name = 'auth' AND state <> 'idle'
                  ORDER BY random() LIMIT 1) one";
            while !done.load(Ordering::SeqCst) {
                let killed: i64 = client.query_one(kill, &[]).await.unwrap().get(0);
                kills.fetch_add(usize::try_from(killed).unwrap(), Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(8)).await;
            }
        })
    };
    let takers: Vec<_> = (0..TAKERS)
        .map(|_| {
            let (client, path, takes) = (alice.client.clone(), bob.path(), takes.clone());
            tokio::spawn(async move {
                let mut taken = Vec::new();
                while let Ok(permit) = takes.acquire().await {
                    permit.forget();
                    let reply = client.get(&path).await;
                    if reply.status == 200 {
                        taken.push(reply.json());
                    } else {
                        assert!(reply.status.is_server_error(), "{}", reply.status);
                    }
                }
                taken
            })
        })
        .collect();
    for round in 1..=ROUNDS {
        // Far fewer than an upload brings are taken until the next.
        takes.add_permits(TAKES.saturating_sub(takes.available_permits()));
        // As an app does: the same list again until the service has it.
        let first = round * 1000;
        let ec = json!({ "preKeys": bob.keys.prekeys(first..first + 100) });
        let kyber = json!({ "kyberPreKeys": bob.keys.kyber_prekeys(first..first + 100) });
        for (kind, body) in [("prekeys", &ec), ("kyber-prekeys", &kyber)] {
            let mut attempts = 0;
            while bob.client.post(&format!("{KEYS}/{kind}"), body.clone()).await.status != 201 {
                attempts += 1;
                assert!(attempts < 500, "the service never gets the keys");
            }
        }
    }
    while takes.available_permits() > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    takes.close();
    done.store(true, Ordering::SeqCst);
    killer.await.unwrap();
    let kills = i64::try_from(kills.load(Ordering::SeqCst)).unwrap();
    assert!(kills >= 20, "{kills} kills");

    let (mut ec, mut kyber) = (BTreeSet::new(), BTreeSet::new());
    let mut replies = 0_i64;
    for taker in takers {
        for bundle in taker.await.unwrap() {
            replies += 1;
            assert_ne!(ids(&bundle).1, LAST_RESORT, "falsely none");
            for (kind, seen) in [("preKey", &mut ec), ("kyberPreKey", &mut kyber)] {
                let key = bundle[kind]["publicKey"].as_str().expect("never none").to_owned();
                assert!(seen.insert(key), "handed out twice");
            }
        }
    }
    assert!(replies > 100, "{replies} replies");
    for kind in [1, 2] {
        let used = service
            .count(&format!(
                "SELECT (SELECT count(*) FROM auth.used_prekeys u WHERE u.kind = {kind} AND NOT EXISTS (
                   SELECT FROM auth.prekey_pages p, generate_series(0, p.next - 1) n
                    WHERE p.kind = u.kind AND substring(p.hashes FROM 16 * n + 1 FOR 16) = u.key_hash))
                 + (SELECT sum(next) FROM auth.prekey_pages WHERE kind = {kind})"
            ))
            .await;
        let lost = used - replies;
        assert!((0..=kills).contains(&lost), "kind {kind}: {lost} of {used} lost, {kills} kills");
    }
    // The last upload is whole.
    let first = ROUNDS * 1000;
    let query = "SELECT min(key_id)::int8 AS first, max(key_id)::int8 AS last, count(*) AS count";
    for table in ["prekeys", "kyber_prekeys"] {
        let row = service.rows(&format!("{query} FROM auth.{table}")).await.remove(0);
        assert_eq!(row, json!({ "first": first, "last": first + 99, "count": 100 }), "{table}");
    }
}
