//! Many at once, over two sandboxes on the same stores: exact counts, whoever wins.

use super::{PHONE, unlimited};
use serde_json::json;
use std::time::Duration;
use tests::race::{counts, tally, together};
use tests::{Reply, Service, Session};

const LIVE: &str = "SELECT count(*) FROM auth.sessions WHERE revoked_at IS NULL";

/// Posts every body at once, by turns to two sandboxes.
async fn race(service: &Service, path: &'static str, bodies: Vec<serde_json::Value>) -> Vec<Reply> {
    let sandboxes = [service.clone(), service.sandbox().await];
    together(bodies.into_iter().zip(sandboxes.iter().cycle()).map(|(body, service)| {
        let client = service.client();
        async move { client.post(path, body).await }
    }))
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_logins_with_one_verification_are_one_session() {
    let service = unlimited().await;
    let client = service.client();
    let first = client.sign_up(PHONE).await;
    let id = client.verified("login", PHONE).await;
    let bodies = (0..50)
        .map(|number| json!({ "verificationId": id, "deviceId": format!("phone-{number}") }))
        .collect();
    let replies = race(&service, "/auth/v1/login", bodies).await;
    assert_eq!(tally(&replies), counts([("200", 1), ("400 verification_invalid", 49)]));
    // The one of the sign-up, and the one that was won.
    assert_eq!(service.count(LIVE).await, 2);
    assert_eq!(service.count("SELECT count(*) FROM auth.sessions").await, 2);
    assert_eq!(service.count("SELECT count(*) FROM auth.devices").await, 2);
    assert_eq!(service.count("SELECT count(*) FROM auth.login_history").await, 2);
    let won = replies.iter().find(|reply| reply.status == 200).unwrap();
    for session in [&first, &Session::from_reply(won)] {
        let _ = client.ws_token(&session.access).await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_registrations_with_one_verification_are_one_account() {
    let service = unlimited().await;
    let id = service.client().verified("register", PHONE).await;
    let bodies = vec![json!({ "verificationId": id }); 50];
    let replies = race(&service, "/auth/v1/register", bodies).await;
    assert_eq!(tally(&replies), counts([("201", 1), ("400 verification_invalid", 49)]));
    for table in ["users_auth", "devices", "sessions", "login_history", "audit_heads"] {
        assert_eq!(
            service.count(&format!("SELECT count(*) FROM auth.{table}")).await,
            1,
            "{table}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_registrations_of_one_number_are_one_account() {
    let service = unlimited().await;
    let client = service.client();
    let mut bodies = Vec::new();
    for _ in 0..50 {
        bodies.push(json!({ "verificationId": client.verified("register", PHONE).await }));
    }
    let replies = race(&service, "/auth/v1/register", bodies).await;
    assert_eq!(tally(&replies), counts([("201", 1), ("409 account_exists", 49)]));
    for table in ["users_auth", "devices", "sessions", "login_history", "audit_heads"] {
        assert_eq!(
            service.count(&format!("SELECT count(*) FROM auth.{table}")).await,
            1,
            "{table}"
        );
    }
    let registered = "SELECT count(*) FROM auth.outbox WHERE topic = 'user.registered'";
    assert_eq!(service.count(registered).await, 1);
    assert_eq!(service.count("SELECT count(*) FROM auth.outbox").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_parallel_logins_of_one_device_one_session_lives() {
    const LOGINS: usize = 20;
    let service = unlimited().await;
    let client = service.client();
    let _ = client.sign_up(PHONE).await;
    let _ = client.log_in(PHONE, "phone-1").await;
    let mut bodies = Vec::new();
    for _ in 0..LOGINS {
        let id = client.verified("login", PHONE).await;
        bodies.push(json!({ "verificationId": id, "deviceId": "phone-1" }));
    }
    let replies = race(&service, "/auth/v1/login", bodies).await;
    assert_eq!(tally(&replies), counts([("200", LOGINS)]));
    let of_device = "SELECT count(*) FROM auth.sessions s JOIN auth.devices d ON d.id = s.device_id
                      WHERE d.device_fingerprint = 'phone-1'";
    assert_eq!(service.count(of_device).await, 1 + 20);
    assert_eq!(service.count(&format!("{of_device} AND revoked_at IS NULL")).await, 1);

    let mut alive = 0;
    for session in replies.iter().map(Session::from_reply) {
        let access = client.ws_token(&session.access).await;
        let refresh = client.refresh(&session.refresh).await;
        if access.status == 200 {
            alive += 1;
            let _ = refresh.expect(200);
        } else {
            access.refused(401, "session_ended");
            refresh.refused(401, "session_ended");
        }
    }
    assert_eq!(alive, 1);
}

/// Everything that takes locks on one account, at once and again: whoever comes first,
/// nobody waits in a circle, and the tokens work exactly where a row lives.
#[tokio::test(flavor = "multi_thread")]
async fn ends_refreshes_and_logins_of_one_account_never_block_each_other() {
    const ROUNDS: usize = 25;
    let service = unlimited().await;
    let sandbox = service.sandbox().await;
    let client = service.client();
    let _ = client.sign_up(PHONE).await;
    for round in 0..ROUNDS {
        service.advance(Duration::from_mins(1));
        let one = client.log_in(PHONE, "phone-1").await;
        let two = client.log_in(PHONE, "phone-2").await;
        let mut requests = Vec::new();
        for session in [&one, &two] {
            let refresh = json!({ "refreshToken": session.refresh });
            requests.push(("/auth/v1/tokens/refresh", None, refresh.clone()));
            requests.push(("/auth/v1/tokens/refresh", None, refresh));
        }
        for device in ["phone-1", "phone-2"] {
            let id = client.verified("login", PHONE).await;
            let body = json!({ "verificationId": id, "deviceId": device });
            requests.push(("/auth/v1/login", None, body));
        }
        // Most rounds without the ends, which leave the others little to fight for.
        if round % 3 == 0 {
            let other = json!({ "deviceId": two.device });
            requests.push(("/auth/v1/logout", Some(&one.access), other));
            requests.push(("/auth/v1/logout", Some(&one.access), json!({})));
            requests.push(("/auth/v1/logout/all", Some(&two.access), json!({})));
        }
        let half = requests.len() / 2;
        requests.rotate_left(round % half);
        let racing = requests.into_iter().enumerate().map(|(number, (path, access, body))| {
            let service = if number % 2 == 0 { &service } else { &sandbox };
            let mut client = service.client();
            if let Some(access) = access {
                client = client.bearer(access);
            }
            async move { client.post(path, body).await }
        });
        let replies = together(racing).await;
        let failed: Vec<_> = replies.iter().filter(|r| r.status.is_server_error()).collect();
        assert!(failed.is_empty(), "round {round}: {:?}", tally(&replies));

        let mut alive = 0;
        let tokens = replies.iter().filter(|reply| !reply.json()["accessToken"].is_null());
        let known = tokens.map(Session::from_reply).chain([one, two]);
        let mut seen = std::collections::BTreeSet::new();
        for session in known {
            let sid = session.id();
            let row = format!("{LIVE} AND id = '{sid}'");
            let lives = service.count(&row).await == 1;
            let reply = client.ws_token(&session.access).await;
            assert_eq!(reply.status == 200, lives, "round {round}: {}", reply.json());
            alive += i64::from(lives && seen.insert(sid));
        }
        // The session of the sign-up lives until everyone is signed out.
        let others = service.count(LIVE).await - alive;
        assert!((0..=1).contains(&others), "round {round}: {others} sessions nobody holds");
    }
}
