//! Refresh (section 4), through the router: which token may be exchanged when, and what a
//! refusal changes. The rules themselves are held against a model beside this file.

mod model;
mod sql;

use serde_json::{Value, json};
use std::time::Duration;
use tests::race::{counts, tally, together};
use tests::token::{Key, claims, header};
use tests::{Client, Reply, Service, Session};

const PHONE: &str = "+33612345678";
const DAY: Duration = Duration::from_hours(24);
const WINDOW: Duration = Duration::from_secs(10);
const MOMENT: Duration = Duration::from_millis(1);
/// The last moment of the window.
const LATE: Duration = Duration::from_millis(9_999);
const SECOND: Duration = Duration::from_secs(1);

async fn unlimited() -> Service {
    Service::with(&[("RATE_LIMITS", "off")]).await
}

fn token(reply: Reply) -> String {
    Session::from_reply(&reply.expect(200)).refresh
}

/// The place of a refresh token in its session.
fn position(token: &str) -> (i64, i64) {
    let claims = claims(token);
    (claims["gen"].as_i64().unwrap(), claims["fork"].as_i64().unwrap())
}

/// Everything that the database holds of sessions.
async fn state(service: &Service) -> Vec<Value> {
    let all = "SELECT to_jsonb(s) AS row, (SELECT count(*) FROM auth.outbox) AS outbox
                 FROM auth.sessions s ORDER BY s.id";
    service.rows(all).await
}

async fn reuse_events(service: &Service) -> i64 {
    service
        .count(
            "SELECT count(*) FROM auth.outbox WHERE topic = 'audit'
                 AND payload->>'entry' LIKE '%refresh_token_reused%'",
        )
        .await
}

/// The session is dead of reuse; its event stands once, however often it is asked again.
async fn assert_stolen(service: &Service, newest: &Session) {
    let client = service.client();
    client.ws_token(&newest.access).await.refused(401, "session_ended");
    client.refresh(&newest.refresh).await.refused(401, "session_ended");
    assert_eq!(reuse_events(service).await, 1);
    let dead = "SELECT count(*) FROM auth.sessions WHERE revoked_for = 'refresh_reused'";
    assert_eq!(service.count(dead).await, 1);
    let told = "SELECT count(*) FROM auth.outbox WHERE topic = 'session.ended'";
    assert_eq!(service.count(told).await, 1);
}

#[tokio::test]
async fn a_refresh_answers_tokens_and_the_claims_of_the_contract() {
    let service = unlimited().await;
    let client = service.client();
    let session = client.sign_up(PHONE).await;
    let began = service.now().seconds();
    service.advance(Duration::from_hours(1));
    let reply = client.refresh(&session.refresh).await.expect(200);
    let keys: Vec<_> = reply.json().as_object().unwrap().keys().cloned().collect();
    let expected =
        ["accessToken", "deviceId", "expiresIn", "refreshExpiresIn", "refreshToken", "userId"];
    assert_eq!(keys, expected);
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let next = Session::from_reply(&reply);
    assert_eq!((&next.user, &next.device), (&session.user, &session.device));

    let sid = session.id();
    let now = service.now().seconds();
    let expected = json!({
        "iss": "whispr-auth", "aud": "whispr-auth", "sub": session.user, "sid": sid,
        "deviceId": session.device, "jti": format!("{sid}.1.0"),
        "gen": 1, "fork": 0, "iat": now, "exp": now + 30 * 24 * 3600, "auth_time": began,
    });
    assert_eq!(claims(&next.refresh), expected);
    assert_eq!(header(&next.refresh)["typ"], "rt+jwt");
    let mut access = claims(&next.access);
    let jti = access.as_object_mut().unwrap().remove("jti").unwrap();
    assert_ne!(jti, claims(&session.access)["jti"]);
    let expected = json!({
        "iss": "whispr-auth", "aud": "whispr", "sub": session.user, "sid": sid,
        "deviceId": session.device, "scope": "user", "iat": now, "exp": now + 900,
    });
    assert_eq!(access, expected);
}

/// Rule 2, early: the reply was lost, the same newest token comes again.
#[tokio::test]
async fn within_ten_seconds_a_repeat_gets_the_very_same_token() {
    let service = unlimited().await;
    let client = service.client();
    let session = client.sign_up(PHONE).await;
    service.advance(Duration::from_millis(1500));
    let first = client.refresh(&session.refresh).await.expect(200);
    let before = state(&service).await;
    for wait in [Duration::ZERO, MOMENT, Duration::from_millis(9_998)] {
        service.advance(wait);
        let repeat = client.refresh(&session.refresh).await.expect(200);
        let (first, repeat) = (Session::from_reply(&first), Session::from_reply(&repeat));
        assert_eq!(claims(&repeat.refresh), claims(&first.refresh));
        assert_ne!(claims(&repeat.access)["jti"], claims(&first.access)["jti"]);
        assert_eq!(claims(&repeat.access)["iat"], service.now().seconds());
    }
    let after = state(&service).await;
    assert_eq!(after, before);
    service.advance(MOMENT);
    assert_eq!(
        position(&token(client.refresh(&session.refresh).await)),
        (1, 1),
        "ten seconds are over"
    );
}

/// Rule 2, late, and rule 1 for any fork.
#[tokio::test]
async fn later_repeats_fork_until_one_of_the_forks_is_used() {
    for used in 0..3 {
        let service = unlimited().await;
        let client = service.client();
        let session = client.sign_up(PHONE).await;
        let mut forks = Vec::new();
        for number in 0..3 {
            let fork = token(client.refresh(&session.refresh).await);
            assert_eq!(position(&fork), (1, number));
            assert_eq!(claims(&fork)["iat"], service.now().seconds());
            forks.push(fork);
            service.advance(WINDOW);
        }
        let next = client.refresh(&forks[used]).await.expect(200);
        let next = Session::from_reply(&next);
        assert_eq!(position(&next.refresh), (2, 0));

        // Its siblings and its parent are worth nothing: at once without harm, later theft.
        let before = state(&service).await;
        for (number, spent) in forks.iter().chain([&session.refresh]).enumerate() {
            if number != used {
                client.refresh(spent).await.refused(409, "refresh_superseded");
            }
        }
        assert_eq!(state(&service).await, before, "a superseded token changed something");
        service.advance(LATE);
        client.refresh(&forks[(used + 1) % 3]).await.refused(409, "refresh_superseded");
        assert_eq!(claims(&token(client.refresh(&forks[used]).await)), claims(&next.refresh));
        service.advance(MOMENT);
        client.refresh(&forks[(used + 1) % 3]).await.refused(401, "refresh_reused");
        assert_stolen(&service, &next).await;
    }
}

#[tokio::test]
async fn forks_end_at_a_hundred_and_the_last_comes_again() {
    let service = unlimited().await;
    let client = service.client();
    let session = client.sign_up(PHONE).await;
    let mut last = token(client.refresh(&session.refresh).await);
    for number in 1..100 {
        service.advance(WINDOW);
        last = token(client.refresh(&session.refresh).await);
        assert_eq!(position(&last), (1, number));
    }
    service.advance(WINDOW);
    let again = token(client.refresh(&session.refresh).await);
    assert_eq!(claims(&again), claims(&last));
    assert_eq!(position(&token(client.refresh(&again).await)), (2, 0));
    assert_eq!(reuse_events(&service).await, 0);
}

/// Rule 3 reaches eight generations back, within ten seconds of the newest rotation.
#[tokio::test]
async fn a_spent_token_is_excused_for_eight_generations_and_ten_seconds() {
    let service = unlimited().await;
    let client = service.client();
    let mut tokens = vec![client.sign_up(PHONE).await.refresh];
    for _ in 0..9 {
        tokens.push(token(client.refresh(tokens.last().unwrap()).await));
    }
    let newest = Session::from_reply(&client.refresh(&tokens[8]).await.expect(200));
    service.advance(LATE);
    let before = state(&service).await;
    for spent in &tokens[1..8] {
        let reply = client.refresh(spent).await;
        assert!(!reply.body.windows(3).any(|w| w == b"eyJ"), "a refusal holds a token");
        reply.refused(409, "refresh_superseded");
    }
    assert_eq!(state(&service).await, before);
    client.refresh(&tokens[0]).await.refused(401, "refresh_reused");
    assert_stolen(&service, &newest).await;
}

/// Rule 4: the session dies, with one event, and no other session does.
#[tokio::test]
async fn a_spent_token_that_comes_back_ends_its_session_alone() {
    let service = unlimited().await;
    let client = service.client();
    let session = client.sign_up(PHONE).await;
    let own_other = client.log_in(PHONE, "phone-2").await;
    let stranger = client.sign_up("+33687654321").await;
    let one = token(client.refresh(&session.refresh).await);
    let two = Session::from_reply(&client.refresh(&one).await.expect(200));
    let _ = client.ws_token(&two.access).await.expect(200);
    service.advance(WINDOW);
    client.refresh(&session.refresh).await.refused(401, "refresh_reused");
    assert_stolen(&service, &two).await;
    for spent in [&session.refresh, &one] {
        client.refresh(spent).await.refused(401, "session_ended");
    }
    assert_stolen(&service, &two).await;
    for alive in [&own_other, &stranger] {
        let _ = client.ws_token(&alive.access).await.expect(200);
        let _ = client.refresh(&alive.refresh).await.expect(200);
    }
}

/// The door is exact: places that were never handed out end the session too.
#[tokio::test]
async fn a_place_that_was_never_handed_out_ends_the_session() {
    let key = Key::new();
    for (generation, fork) in [(1, 0), (0, 1), (-1, 0), (0, -1), (i32::MAX, 0), (0, i32::MIN)] {
        let variables = [("RATE_LIMITS", "off"), ("JWT_KEYS", &key.as_jwt_keys())];
        let service = Service::with(&variables).await;
        let client = service.client();
        let session = client.sign_up(PHONE).await;
        let mut made = claims(&session.refresh);
        made["gen"] = generation.into();
        made["fork"] = fork.into();
        let made = key.sign(&header(&session.refresh).to_string(), &made.to_string());
        client.refresh(&made).await.refused(401, "refresh_reused");
        assert_stolen(&service, &session).await;
    }
}

#[tokio::test]
async fn a_token_of_an_ended_session_changes_nothing_and_is_no_theft() {
    let service = unlimited().await;
    let client = service.client();
    let session = client.sign_up(PHONE).await;
    let one = token(client.refresh(&session.refresh).await);
    let two = Session::from_reply(&client.refresh(&one).await.expect(200));
    let bearer = client.clone().bearer(&two.access);
    let _ = bearer.post("/auth/v1/logout", json!({})).await.expect(204);
    service.advance(Duration::from_mins(1));
    let before = state(&service).await;
    for token in [&two.refresh, &one, &session.refresh] {
        client.refresh(token).await.refused(401, "session_ended");
    }
    assert_eq!(state(&service).await, before);
    assert_eq!(reuse_events(&service).await, 0);
}

/// Spent or not, an expired token is only that; the session goes on with its own.
#[tokio::test]
async fn an_expired_token_changes_nothing() {
    let service = unlimited().await;
    let client = service.client();
    let session = client.sign_up(PHONE).await;
    service.advance(DAY);
    let one = token(client.refresh(&session.refresh).await);
    let two = token(client.refresh(&one).await);
    service.advance(29 * DAY);
    let before = state(&service).await;
    client.refresh(&session.refresh).await.refused(401, "token_expired");
    assert_eq!(state(&service).await, before);
    assert_eq!(position(&token(client.refresh(&two).await)), (3, 0));
}

#[tokio::test]
async fn an_unused_session_ends_after_thirty_days() {
    let service = unlimited().await;
    let client = service.client();
    let session = client.sign_up(PHONE).await;
    let again = client.log_in(PHONE, "phone-2").await;
    service.advance(29 * DAY);
    service.advance(Duration::from_secs(24 * 3600 - 1));
    let _ = client.refresh(&session.refresh).await.expect(200);
    service.advance(SECOND);
    client.refresh(&again.refresh).await.refused(401, "token_expired");
}

#[tokio::test]
async fn a_session_ends_ninety_days_after_its_log_in_however_often_it_is_refreshed() {
    let service = unlimited().await;
    let client = service.client();
    let session = client.sign_up(PHONE).await;
    let end = service.now() + 90 * DAY;
    let mut newest = session;
    for day in (20..=80).step_by(20) {
        service.advance(20 * DAY);
        newest = Session::from_reply(&client.refresh(&newest.refresh).await.expect(200));
        let expected = (service.now() + 30 * DAY).min(end).seconds();
        assert_eq!(claims(&newest.refresh)["exp"], expected, "day {day}");
    }
    service.advance(9 * DAY);
    service.advance(Duration::from_secs(24 * 3600 - 1));
    let last = Session::from_reply(&client.refresh(&newest.refresh).await.expect(200));
    assert_eq!(claims(&last.refresh)["exp"], end.seconds());
    let _ = client.ws_token(&last.access).await.expect(200);
    service.advance(SECOND);
    client.refresh(&last.refresh).await.refused(401, "token_expired");
    let live = "SELECT count(*) FROM auth.sessions WHERE revoked_at IS NOT NULL";
    assert_eq!(service.count(live).await, 0, "an end by age is not told as another");
}

#[tokio::test]
async fn what_is_no_token_is_401_and_what_is_no_body_is_400() {
    let service = unlimited().await;
    let client = service.client();
    for no_token in ["", "x", "a.b.c", "\u{e9}", &"x".repeat(5000)] {
        client.refresh(no_token).await.refused(401, "token_invalid");
    }
    for body in [json!({}), json!({ "refreshToken": null }), json!({ "refreshToken": 1 })] {
        let reply = client.post("/auth/v1/tokens/refresh", body).await;
        reply.refused(400, "validation_failed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_parallel_refreshes_of_one_token_have_one_successor() {
    const ROUNDS: i64 = 30;
    let service = unlimited().await;
    let sandbox = service.sandbox().await;
    let clients: [Client; 2] = [service.client(), sandbox.client()];
    let mut newest = service.client().sign_up(PHONE).await.refresh;
    for round in 1..=ROUNDS {
        service.advance(SECOND);
        let requests = (0..8).map(|number| {
            let (client, token) = (clients[number % 2].clone(), newest.clone());
            async move { client.refresh(&token).await }
        });
        let replies = together(requests).await;
        assert_eq!(tally(&replies), counts([("200", 8)]), "round {round}");
        let mut successors: Vec<_> = replies.into_iter().map(token).collect();
        newest = successors.pop().unwrap();
        assert_eq!(position(&newest), (round, 0));
        for other in successors {
            assert_eq!(claims(&other), claims(&newest), "round {round}");
        }
    }
    assert_eq!(reuse_events(&service).await, 0);
}

/// Of two forks that are used at once, one wins, and the loser is not taken for a thief.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_forks_used_at_once_one_is_exchanged() {
    let service = unlimited().await;
    let sandbox = service.sandbox().await;
    let mut newest = service.client().sign_up(PHONE).await.refresh;
    for round in 0..20 {
        service.advance(WINDOW);
        let one = token(service.client().refresh(&newest).await);
        service.advance(WINDOW);
        let two = token(service.client().refresh(&newest).await);
        let requests = [(&service, one), (&sandbox, two)].map(|(service, token)| {
            let client = service.client();
            async move { client.refresh(&token).await }
        });
        let replies = together(requests).await;
        let expected = counts([("200", 1), ("409 refresh_superseded", 1)]);
        assert_eq!(tally(&replies), expected, "round {round}");
        newest = token(replies.into_iter().find(|reply| reply.status == 200).unwrap());
    }
}
