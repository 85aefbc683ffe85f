//! Nobody empties a stranger's supply: who asks again and again is given bundles without
//! one-time keys, and who comes with a hundred accounts still leaves usable ones.

use super::{ALICE, BOB, CAROL, KEYS, LAST_RESORT, Person, ids, low_news, unlimited};
use serde_json::json;
use std::time::Duration;
use stores::Options;
use tests::Service;
use tests::stores::{connect, own_redis};

#[tokio::test]
async fn one_caller_in_a_loop_leaves_keys_for_strangers() {
    let service = unlimited().await;
    let bob = Person::new(&service, BOB, 100, 100).await;
    let mallory = Person::new(&service, ALICE, 0, 0).await;
    for n in 1..=150 {
        let bundle = mallory.fetch(&bob).await.expect(200).json();
        let expected = if n <= 10 { (Some(n), Some(n)) } else { (None, LAST_RESORT) };
        assert_eq!(ids(&bundle), expected, "{n}");
    }
    // Through the other door too: it has its own share, and no more than that.
    for n in 11..=150 {
        let bundles = mallory.fetch_all(&bob.session.user).await.expect(200).json();
        let expected = if n <= 20 { (Some(n), Some(n)) } else { (None, LAST_RESORT) };
        assert_eq!(ids(&bundles["devices"][0]), expected, "{n}");
    }
    let several = json!({ "userIds": [bob.session.user] });
    let reply = mallory.client.post(&format!("{KEYS}/bundles"), several).await.expect(200).json();
    assert_eq!(ids(&reply["users"][0]["devices"][0]), (None, LAST_RESORT));

    let carol = Person::new(&service, CAROL, 0, 0).await;
    let bundle = carol.fetch(&bob).await.expect(200).json();
    assert_eq!(ids(&bundle), (Some(21), Some(21)));
    assert_eq!(low_news(&service).await, Vec::<serde_json::Value>::new());
}

#[tokio::test]
async fn a_share_comes_back_one_key_in_ten_minutes() {
    let service = unlimited().await;
    let bob = Person::new(&service, BOB, 100, 0).await;
    let mallory = Person::new(&service, ALICE, 0, 0).await;
    let given = async || ids(&mallory.fetch(&bob).await.expect(200).json()).0.is_some();
    for _ in 0..10 {
        assert!(given().await);
    }
    assert!(!given().await);
    service.advance(Duration::from_mins(10) - Duration::from_millis(1));
    let again = service.client().log_in(ALICE, "phone-1").await;
    let mallory = service.client().bearer(&again.access);
    let given = async || ids(&mallory.get(&bob.path()).await.expect(200).json()).0.is_some();
    // Another session of the same user has no share of its own.
    assert!(!given().await);
    service.advance(Duration::from_millis(1));
    assert!(given().await);
    assert!(!given().await);
}

#[tokio::test]
async fn the_share_is_of_each_device_and_of_each_user_by_itself() {
    let service = unlimited().await;
    let bob = Person::new(&service, BOB, 50, 0).await;
    let tablet = Person::device(&service, BOB, "tablet").await;
    let carol = Person::new(&service, CAROL, 50, 0).await;
    let mallory = Person::new(&service, ALICE, 0, 0).await;
    for _ in 0..11 {
        let _ = mallory.fetch(&bob).await.expect(200);
        let _ = mallory.fetch_all(&bob.session.user).await.expect(200);
    }
    for other in [&tablet, &carol] {
        assert!(ids(&mallory.fetch(other).await.expect(200).json()).0.is_some());
    }
    let both = json!({ "userIds": [bob.session.user, carol.session.user] });
    let reply = mallory.client.post(&format!("{KEYS}/bundles"), both).await.expect(200).json();
    let given: Vec<bool> = reply["users"]
        .as_array()
        .unwrap()
        .iter()
        .map(|user| ids(&user["devices"][0]).0.is_some())
        .collect();
    assert_eq!(given, [false, true]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_callers_are_all_given_usable_bundles_and_the_device_is_told_once() {
    let service = unlimited().await;
    let bob = Person::new(&service, BOB, 100, 100).await;
    let mut callers = Vec::new();
    for n in 0..100 {
        let session = service.client().sign_up(&format!("+336300000{n:02}")).await;
        callers.push(service.client().bearer(&session.access));
    }
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..3 {
        let path = bob.path();
        let fetches = callers.clone().into_iter().map(|caller| {
            let path = path.clone();
            async move { caller.get(&path).await }
        });
        for reply in tests::race::together(fetches).await {
            let bundle = reply.expect(200).json();
            assert_eq!(bundle["signedPreKey"], bob.keys.signed_prekey(1));
            let (id, kyber) = ids(&bundle);
            assert!(kyber.is_some());
            if let Some(id) = id {
                assert!(seen.insert(id), "{id} was handed out twice");
                assert_ne!(kyber, LAST_RESORT);
            } else {
                assert_eq!(kyber, LAST_RESORT);
            }
        }
    }
    assert_eq!(seen, (1..=100).collect());
    let news = low_news(&service).await;
    assert_eq!(news.len(), 1, "{news:?}");
    assert_eq!(news[0]["deviceId"], bob.session.device);
    assert_eq!(news[0]["userId"], bob.session.user);
    for kind in ["availablePreKeys", "availableKyberPreKeys"] {
        assert!(news[0][kind].as_i64().unwrap() < 20, "{news:?}");
    }
}

#[tokio::test]
async fn running_low_is_told_once_at_each_crossing() {
    let service = Service::with(&[("RATE_LIMITS", "off"), ("ONE_TIME_KEYS_BURST", "1000")]).await;
    let bob = Person::new(&service, BOB, 22, 0).await;
    let alice = Person::new(&service, ALICE, 0, 0).await;
    let take = async |times: usize| {
        for _ in 0..times {
            let _ = alice.fetch(&bob).await.expect(200);
        }
        low_news(&service).await.len()
    };
    assert_eq!(take(2).await, 0);
    assert_eq!(take(1).await, 1);
    assert_eq!(low_news(&service).await[0]["availablePreKeys"], 19);
    assert_eq!(take(25).await, 1);
    // Fewer than 20 came: it never was above.
    let _ = bob.upload_prekeys(bob.keys.prekeys(100..119)).await.expect(201);
    assert_eq!(take(3).await, 1);
    let _ = bob.upload_prekeys(bob.keys.prekeys(200..220)).await.expect(201);
    assert_eq!(take(1).await, 2);
    assert_eq!(take(25).await, 2);
    // The other kind has a mark of its own.
    let _ = bob.upload_kyber(bob.keys.kyber_prekeys(200..221)).await.expect(201);
    assert_eq!(take(1).await, 2);
    assert_eq!(take(1).await, 3);
    assert_eq!(low_news(&service).await[2]["availableKyberPreKeys"], 19);
}

/// The account's lock, under which keys are uploaded, is not in the way of a take.
#[tokio::test]
async fn a_device_that_is_about_to_upload_is_told_at_once_and_only_once() {
    let service = unlimited().await;
    let bob = Person::new(&service, BOB, 20, 0).await;
    let alice = Person::new(&service, ALICE, 0, 0).await;
    let holder = connect(&service.stores.database_url).await;
    holder
        .batch_execute(
            "BEGIN; SELECT FROM auth.users_auth FOR NO KEY UPDATE;
             SELECT FROM auth.identity_keys FOR UPDATE",
        )
        .await
        .unwrap();
    assert_eq!(ids(&alice.fetch(&bob).await.expect(200).json()).0, Some(1));
    assert_eq!(low_news(&service).await[0]["availablePreKeys"], 19);
    holder.batch_execute("COMMIT").await.unwrap();
    assert_eq!(ids(&alice.fetch(&bob).await.expect(200).json()).0, Some(2));
    assert_eq!(low_news(&service).await.len(), 1);
}

/// Of any number of takes at the same moment, one crosses the mark.
#[tokio::test(flavor = "multi_thread")]
async fn fifty_takes_at_once_tell_each_crossing_once() {
    let service = Service::with(&[("RATE_LIMITS", "off"), ("ONE_TIME_KEYS_BURST", "1000")]).await;
    let sandbox = service.sandbox().await;
    let bob = Person::new(&service, BOB, 0, 0).await;
    let alice = Person::new(&service, ALICE, 0, 0).await;
    for round in 1_i64..=6 {
        // The Kyber keys cross twenty takes before the others.
        let (prekeys, kyber) = (round * 1000..round * 1000 + 60, round * 1000..round * 1000 + 40);
        let _ = bob.upload_prekeys(bob.keys.prekeys(prekeys)).await.expect(201);
        let _ = bob.upload_kyber(bob.keys.kyber_prekeys(kyber)).await.expect(201);
        let fetches = (0..50).map(|n| {
            let service = if n % 2 == 0 { &service } else { &sandbox };
            let (client, path) = (service.client().bearer(&alice.session.access), bob.path());
            async move { client.get(&path).await }
        });
        for reply in tests::race::together(fetches).await {
            assert!(ids(&reply.expect(200).json()).0.is_some());
        }
        let news = low_news(&service).await;
        let round = usize::try_from(round).unwrap();
        assert_eq!(news.len(), 2 * round);
        let [kyber, ec] = [&news[2 * round - 2], &news[2 * round - 1]];
        assert_eq!(kyber["availableKyberPreKeys"], 19);
        assert!(kyber["availablePreKeys"].as_i64().unwrap() >= 20);
        assert_eq!(
            (&ec["availablePreKeys"], &ec["availableKyberPreKeys"]),
            (&json!(19), &json!(0))
        );
    }
}

/// For each a share is remembered, whether it exists or not.
#[tokio::test]
async fn who_asks_for_thousands_is_refused() {
    let service = Service::start().await;
    let mallory = Person::new(&service, ALICE, 0, 0).await;
    let path = format!("{KEYS}/bundles");
    let body = |first: usize| {
        let ids = (first..first + 50).map(|n| format!("0190a5d0-0000-7000-8000-{n:012}"));
        json!({ "userIds": ids.collect::<Vec<_>>() })
    };
    for n in 0..20 {
        mallory.client.post(&path, body(n * 50)).await.refused(404, "keys_not_found");
    }
    let reply = mallory.client.post(&path, body(1000)).await;
    assert_eq!(reply.header("retry-after"), Some("30"));
    reply.refused(429, "rate_limited");
    service.advance(Duration::from_secs(30));
    mallory.client.post(&path, body(1000)).await.refused(404, "keys_not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_bundles_come_without_one_time_keys() {
    let (mut redis, stores) = own_redis(Options::ephemeral()).await;
    let service = Service::over(stores, &[("RATE_LIMITS", "off")]).await;
    let bob = Person::new(&service, BOB, 5, 5).await;
    let alice = Person::new(&service, ALICE, 0, 0).await;
    assert_eq!(ids(&alice.fetch(&bob).await.expect(200).json()), (Some(1), Some(1)));
    redis.kill();
    assert_eq!(ids(&alice.fetch(&bob).await.expect(200).json()), (None, LAST_RESORT));
    let all = alice.fetch_all(&bob.session.user).await.expect(200).json();
    assert_eq!(ids(&all["devices"][0]), (None, LAST_RESORT));
    assert_eq!(bob.status().await["availablePreKeys"], 4);
}
