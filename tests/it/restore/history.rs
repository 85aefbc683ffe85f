//! A dump is made, and an hour of activity follows that the restored rows do not know. Nobody is
//! accused of theft, and no key is handed out twice.

use super::{ALICE, BOB, Backup, HOUR, ids, of, refreshed, security_events, unlimited};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tests::token::claims;
use tests::{Keys, Service, Session};

const KEYS: &str = "/auth/v1/signal/keys";

#[tokio::test]
async fn clients_go_on_with_tokens_that_the_restored_rows_do_not_know() {
    let service = unlimited().await;
    let client = service.client();
    let mut alice = refreshed(&service, &client.sign_up(ALICE).await).await;
    let bob = client.sign_up(BOB).await;
    let backup = Backup::of(&service).await;

    let first = alice.clone();
    for _ in 0..5 {
        service.advance(Duration::from_mins(10));
        alice = refreshed(&service, &alice).await;
    }
    // Bob's second reply is lost, and another one makes a fork.
    let once = refreshed(&service, &bob).await;
    service.advance(HOUR);
    let _ = client.refresh(&once.refresh).await.expect(200);
    // Carol signs up after the backup.
    let carol = client.sign_up("+33611111111").await;
    service.advance(Duration::from_mins(1));

    let restored = backup.restored(&service).await;
    let ran = backup.run(&restored, None).await;
    assert_eq!((ran.accounts, ran.replayed.entries), (2, 0));
    service.advance(Duration::from_secs(20));
    let client = restored.client();
    // Repeated within the window, it is the same token.
    let [one, two] = [refreshed(&restored, &alice).await, refreshed(&restored, &alice).await];
    assert_eq!(claims(&one.refresh), claims(&two.refresh));
    let two = refreshed(&restored, &two).await;
    let bob = refreshed(&restored, &once).await;
    assert!(client.ws_token(&two.access).await.status == 200);
    assert!(client.ws_token(&bob.access).await.status == 200);
    client.refresh(&carol.refresh).await.refused(401, "session_ended");
    assert_eq!(security_events(&restored, "refresh_token_reused").await, 0);

    // What was spent before the restore and after it stays spent.
    service.advance(Duration::from_secs(20));
    client.refresh(&first.refresh).await.refused(401, "refresh_reused");
    assert_eq!(security_events(&restored, "refresh_token_reused").await, 1);
}

#[tokio::test]
async fn without_a_restore_a_later_generation_is_theft_and_a_token_of_after_it_too() {
    let service = unlimited().await;
    let mut alice = service.client().sign_up(ALICE).await;
    let backup = Backup::of(&service).await;
    for _ in 0..2 {
        service.advance(HOUR);
        alice = refreshed(&service, &alice).await;
    }
    let not_run = backup.restored(&service).await;
    not_run.client().refresh(&alice.refresh).await.refused(401, "refresh_reused");

    // A token that is issued after the restore is never of the lost history.
    let restored = backup.restored(&service).await;
    let _ = backup.run(&restored, None).await;
    service.advance(HOUR);
    let later = refreshed(&service, &alice).await;
    let later = refreshed(&service, &later).await;
    restored.client().refresh(&later.refresh).await.refused(401, "refresh_reused");
}

/// Fetches bundles for as long as it is told to. Gives the ids that it was handed.
async fn fetch_for_a_while(
    service: Service,
    caller: Session,
    path: String,
    stop: Arc<AtomicBool>,
) -> Vec<[Option<i64>; 2]> {
    let mut handed = Vec::new();
    while !stop.load(Ordering::SeqCst) && handed.len() < 8 {
        handed.push(ids(&of(&service, &caller).get(&path).await.expect(200).json()));
        tokio::task::yield_now().await;
    }
    handed
}

#[tokio::test]
async fn no_key_is_handed_out_twice() {
    let service = unlimited().await;
    let (client, keys) = (service.client(), Keys::new());
    let alice = client.sign_up_with(ALICE, keys.bundle(1..41, 1..41)).await;
    let path = format!("{KEYS}/{}/devices/{}", alice.user, alice.device);
    let caller = client.sign_up(BOB).await;
    // Dumped while keys are handed out.
    let stop = Arc::new(AtomicBool::new(false));
    let fetching = tokio::spawn(fetch_for_a_while(
        service.clone(),
        caller.clone(),
        path.clone(),
        stop.clone(),
    ));
    let backup = Backup::of(&service).await;
    stop.store(true, Ordering::SeqCst);
    let mut handed = fetching.await.unwrap();
    service.advance(HOUR);
    let caller = refreshed(&service, &caller).await;
    for _ in 0..3 {
        handed.push(ids(&of(&service, &caller).get(&path).await.expect(200).json()));
    }
    let before = handed.iter().filter_map(|[key, _]| *key).max().expect("keys were handed out");

    let restored = backup.restored(&service).await;
    let ran = backup.run(&restored, None).await;
    assert_eq!((ran.devices, ran.pages), (1, 2));
    let low = restored.rows("SELECT payload FROM auth.outbox WHERE topic = 'prekeys.low'").await;
    assert_eq!(low.len(), 1);
    assert_eq!(low[0]["payload"]["deviceId"], alice.device.as_str());
    service.advance(Duration::from_secs(1));
    let alice = refreshed(&restored, &alice).await;
    let mut caller = refreshed(&restored, &caller).await;
    let fetch =
        async |caller: &Session| ids(&of(&restored, caller).get(&path).await.expect(200).json());
    assert_eq!(fetch(&caller).await, [None, Some(1_000_000)], "the last resort alone");
    let status = of(&restored, &alice).get(&format!("{path}/status")).await.expect(200).json();
    assert_eq!((&status["availablePreKeys"], &status["isLow"]), (&json!(0), &json!(true)));

    // The device uploads what it has, keys of before among them: only new ones are available.
    let upload = json!({ "preKeys": keys.prekeys(30..51) });
    let reply = of(&restored, &alice).post(&format!("{KEYS}/prekeys"), upload).await.expect(201);
    assert_eq!(reply.json()["uploaded"], 10);
    let _ = backup.run(&restored, None).await;
    for _ in 0..10 {
        // A caller gets one of a device's keys in ten minutes.
        service.advance(Duration::from_mins(10));
        caller = refreshed(&restored, &caller).await;
        handed.push(fetch(&caller).await);
    }
    service.advance(Duration::from_mins(10));
    caller = refreshed(&restored, &caller).await;
    assert_eq!(fetch(&caller).await[0], None);
    let keys: Vec<i64> = handed.iter().filter_map(|[key, _]| *key).collect();
    assert_eq!(keys.len(), keys.iter().collect::<BTreeSet<_>>().len(), "{keys:?}");
    assert!(keys.contains(&before) && keys.contains(&50));
}

#[tokio::test]
async fn codes_and_verifications_that_were_used_are_not_good_again() {
    let service = unlimited().await;
    let client = service.client();
    let alice = client.sign_up(ALICE).await;
    let caller = of(&service, &alice);
    let reply = caller.post("/auth/v1/2fa/setup", json!({})).await.expect(201).json();
    let app = tests::Authenticator::from_base32(reply["secret"].as_str().unwrap());
    let enable = json!({ "token": app.at(service.now()) });
    let _ = caller.post("/auth/v1/2fa/enable", enable).await.expect(200);
    service.advance(Duration::from_secs(30));
    let backup = Backup::of(&service).await;
    let versions = "SELECT max(device_list_version) FROM auth.users_auth";
    let version = service.count(versions).await;

    let token = json!({ "token": app.at(service.now()) });
    let _ = caller.post("/auth/v1/2fa/verify", token.clone()).await.expect(200);
    let used = client.verified("register", BOB).await;
    let register = json!({ "verificationId": used });
    let running = client.verified("login", ALICE).await;
    let restored = backup.restored(&service).await;
    let ran = backup.run(&restored, None).await;
    assert_eq!(ran.verifications, Some(2));
    restored
        .client()
        .post("/auth/v1/register", register)
        .await
        .refused(400, "verification_invalid");
    let login = json!({ "verificationId": running });
    restored.client().post("/auth/v1/login", login).await.refused(400, "verification_invalid");
    let again: Value = of(&restored, &alice).post("/auth/v1/2fa/verify", token).await.json();
    assert_eq!(again["valid"], false, "{again}");
    service.advance(Duration::from_mins(1));
    let next = json!({ "token": app.at(service.now()) });
    let alice = refreshed(&restored, &alice).await;
    let next = of(&restored, &alice).post("/auth/v1/2fa/verify", next).await.expect(200);
    assert_eq!(next.json()["valid"], true);
    assert!(restored.count(versions).await > version + 1_000_000);
}
