//! Everything at once: what is counted is counted exactly, also over two sandboxes that
//! know nothing of each other but the stores.

use super::{
    PHONE, address, ask, count, keys, phone, record_key, resend, sandboxes, status, wrong_codes,
};
use domain::ids::VerificationId;
use domain::verification::{Code, Purpose};
use std::collections::BTreeSet;
use std::time::Duration;
use tests::Service;
use tests::race::together;

/// One of the two, in turn.
fn of(sandboxes: &[Service; 2], n: u16) -> Service {
    sandboxes[usize::from(n) % 2].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_five_hundred_wrong_codes_at_once_five_are_looked_at() {
    let sandboxes = sandboxes(&[("RATE_LIMITS", "off")]).await;
    let client = sandboxes[0].client();
    let (id, code) = client.start("register", PHONE).await;
    let guesses = (0..500).zip(wrong_codes(&code)).map(|(n, guess)| {
        let (client, id) = (of(&sandboxes, n).client_at(address(n)), id.clone());
        async move { client.confirm("register", &id, &guess).await }
    });
    let replies = together(guesses).await;

    let (looked_at, refused): (Vec<_>, Vec<_>) =
        replies.into_iter().partition(|reply| reply.status == 400);
    assert!(looked_at.iter().all(|reply| reply.code() == "code_incorrect"));
    let left: Vec<_> =
        looked_at.iter().map(|reply| reply.json()["attemptsLeft"].as_u64().unwrap()).collect();
    assert_eq!(left.len(), 5);
    assert_eq!(left.into_iter().collect::<BTreeSet<_>>(), BTreeSet::from([0, 1, 2, 3, 4]));
    assert_eq!(refused.len(), 495);
    for reply in refused {
        reply.refused(429, "too_many_attempts");
    }
    for sandbox in &sandboxes {
        let reply = sandbox.client().confirm("register", &id, &code).await;
        reply.refused(429, "too_many_attempts");
    }
    assert_eq!(status(&client, &id).await.json()["attemptsLeft"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_code_among_wrong_ones_is_never_the_sixth() {
    let sandboxes = sandboxes(&[("RATE_LIMITS", "off")]).await;
    let client = sandboxes[0].client();
    for _ in 0..5 {
        let (id, code) = client.start("register", PHONE).await;
        let wrong = wrong_codes(&code).take(20);
        let guesses = (0..).zip([code.clone()].into_iter().chain(wrong)).map(|(n, guess)| {
            let (client, id) = (of(&sandboxes, n).client(), id.clone());
            async move { client.confirm("register", &id, &guess).await }
        });
        let replies = together(guesses).await;
        let (right, wrong) = (count(&replies, 200), count(&replies, 400));
        assert_eq!(wrong, 5);
        assert_eq!(right + count(&replies, 429), 16);
        let state = status(&client, &id).await.expect(200).json();
        assert_eq!(state["verified"], right == 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_right_confirms_at_once_are_all_right() {
    let sandboxes = sandboxes(&[("RATE_LIMITS", "off")]).await;
    let client = sandboxes[0].client();
    let (id, code) = client.start("register", PHONE).await;
    let confirms = (0..100).map(|n| {
        let (client, id, code) = (of(&sandboxes, n).client(), id.clone(), code.clone());
        async move { client.confirm("register", &id, &code).await }
    });
    let replies = together(confirms).await;
    assert_eq!(count(&replies, 200), 100);
    assert_eq!(keys(&sandboxes[0], "verification:*").await.len(), 1);
    let state = status(&client, &id).await.expect(200).json();
    assert_eq!((&state["verified"], &state["attemptsLeft"]), (&true.into(), &5.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_hundred_requests_from_an_address_ten_pass() {
    let sandboxes = sandboxes(&[]).await;
    let requests = (0..200).map(|n| {
        let client = of(&sandboxes, n).client();
        async move { ask(&client, "register", &phone(n)).await }
    });
    let replies = together(requests).await;
    assert_eq!((count(&replies, 200), count(&replies, 429)), (10, 190));
    assert_eq!(sandboxes[0].inbox().await.len(), 10);
    assert_eq!(keys(&sandboxes[0], "verification:*").await.len(), 10);
    // The refused have taken nothing of their numbers.
    assert_eq!(keys(&sandboxes[0], "rate_limit:phone_minute:*").await.len(), 10);
    let left: BTreeSet<_> = replies
        .iter()
        .filter(|reply| reply.status == 200)
        .map(|reply| reply.header("ratelimit-remaining").unwrap().to_owned())
        .collect();
    assert_eq!(left.len(), 10, "each passed as another: {left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_hundred_requests_for_a_number_five_pass() {
    let sandboxes = sandboxes(&[]).await;
    let requests = (0..200).map(|n| {
        let client = of(&sandboxes, n).client_at(address(n));
        let purpose = if n % 3 == 0 { "login" } else { "register" };
        async move { ask(&client, purpose, PHONE).await }
    });
    let replies = together(requests).await;
    assert_eq!((count(&replies, 200), count(&replies, 429)), (5, 195));
    assert_eq!(sandboxes[0].inbox().await.len(), 5);
    assert_eq!(keys(&sandboxes[0], "verification:*").await.len(), 5);
    // Every request was counted by its address, once.
    assert_eq!(keys(&sandboxes[0], "rate_limit:send_address:*").await.len(), 200);
    for reply in &replies {
        assert_eq!(reply.header("ratelimit-remaining"), Some("9"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_hundred_status_requests_from_an_address_sixty_pass() {
    let sandboxes = sandboxes(&[("RATE_LIMIT_PUBLIC_ADDRESS", "60/60")]).await;
    let (id, _) = sandboxes[0].client().start("register", PHONE).await;
    let requests = (0..200).map(|n| {
        let (client, id) = (of(&sandboxes, n).client(), id.clone());
        async move { status(&client, &id).await }
    });
    let replies = together(requests).await;
    assert_eq!((count(&replies, 200), count(&replies, 429)), (60, 140));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_resends_at_once_one_is_sent() {
    let sandboxes = sandboxes(&[]).await;
    let client = sandboxes[0].client();
    let (id, old) = client.start("register", PHONE).await;
    for sandbox in &sandboxes {
        sandbox.advance(Duration::from_secs(30));
    }
    let requests = (0..50).map(|n| {
        let (client, id) = (of(&sandboxes, n).client_at(address(n)), id.clone());
        async move { resend(&client, &id).await }
    });
    let (sent, refused): (Vec<_>, Vec<_>) =
        together(requests).await.into_iter().partition(|reply| reply.status == 200);
    assert_eq!(sent.len(), 1);
    for reply in refused {
        reply.refused(429, "resend_too_early");
    }
    assert_eq!(sandboxes[0].inbox().await.len(), 2);
    client.confirm("register", &id, &old).await.refused(400, "code_incorrect");
    let code = client.last_code(PHONE).await;
    let _ = client.confirm("register", &id, &code).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_codes_resent_at_once_one_counts() {
    let sandboxes = sandboxes(&[("RATE_LIMITS", "off")]).await;
    let client = sandboxes[0].client();
    let (id, _) = client.start("register", PHONE).await;
    let requests = (0..50).map(|n| {
        let (client, id) = (of(&sandboxes, n).client(), id.clone());
        async move { resend(&client, &id).await }
    });
    assert_eq!(count(&together(requests).await, 200), 50);

    let mut redis = sandboxes[0].redis().await;
    let key = record_key(&id);
    let stored: String =
        redis::cmd("HGET").arg(key).arg("code_mac").query_async(&mut redis).await.unwrap();
    let parsed = VerificationId::from_uuid(uuid::Uuid::try_parse(&id).unwrap());
    let inbox = sandboxes[0].inbox().await;
    assert_eq!(inbox.len(), 51);
    let codes: BTreeSet<_> =
        inbox.iter().map(|message| message["code"].as_str().unwrap()).collect();
    let peppers = sandboxes[1].state.login.pepper.load();
    let mut counting = codes.into_iter().filter(|code| {
        let code = Code::parse(code).unwrap();
        peppers.current().code(&parsed, Purpose::Register, &code) == stored
    });
    let code = counting.next().expect("a code that counts");
    assert_eq!(counting.next(), None);
    let _ = client.confirm("register", &id, code).await.expect(200);
}
