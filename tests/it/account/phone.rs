//! The number changes: its verification, what proves the current one, and every refusal.

use super::{
    NEW_PHONE, PHONE, STEP, is_alive, log_in, of, put_phone, refreshed, security_events, told,
    unlimited, with_second_factor,
};
use serde_json::{Value, json};
use shared::relay::{Relay, Sinks};
use std::sync::Arc;
use std::time::Duration;
use tests::{Client, Reply, Service, Session};

async fn change(service: &Service, session: &Session, phone: &str) -> Reply {
    let id = service.client().verified("change-phone", phone).await;
    put_phone(&of(service, session), json!({ "verificationId": id })).await
}

async fn numbers(service: &Service) -> Vec<Value> {
    service.rows("SELECT phone_number FROM auth.users_auth ORDER BY 1").await
}

#[tokio::test]
async fn the_account_gets_the_new_number_and_other_sessions_end() {
    let service = unlimited().await;
    let other = service.client().sign_up(PHONE).await;
    let session = service.client().log_in(PHONE, "phone-2").await;
    service.sql("UPDATE auth.devices SET joined = 'proven'").await;
    let reply = change(&service, &session, NEW_PHONE).await.expect(200);
    assert_eq!(reply.json(), json!({ "phoneNumber": "+33***5432" }));
    assert_eq!(numbers(&service).await, [json!({ "phone_number": NEW_PHONE })]);
    assert!(is_alive(&service, &session).await && !is_alive(&service, &other).await);
    service.client().refresh(&other.refresh).await.refused(401, "session_ended");
    let reasons = "SELECT count(*) FROM auth.sessions WHERE revoked_for = 'phone_changed'";
    assert_eq!(service.count(reasons).await, 1);
    // The old number can be registered, the new one is logged in with.
    log_in(&service.client(), PHONE, json!({})).await.refused(404, "account_not_found");
    let again = log_in(&service.client(), NEW_PHONE, json!({})).await.expect(200);
    assert_eq!(Session::from_reply(&again).user, session.user);

    let rows = service
        .rows(
            "SELECT topic, payload FROM auth.outbox
                WHERE topic IN ('user.phone_changed', 'security.notice') ORDER BY seq",
        )
        .await;
    let told: Vec<_> = rows
        .iter()
        .map(|row| {
            let payload = &row["payload"];
            (
                row["topic"].as_str().unwrap(),
                payload["to"].as_str(),
                payload["phoneNumber"].as_str(),
            )
        })
        .collect();
    assert!(told.contains(&("user.phone_changed", None, Some(NEW_PHONE))), "{told:?}");
    assert!(told.contains(&("security.notice", Some("phone"), Some(PHONE))), "{told:?}");
    assert!(told.contains(&("security.notice", Some("devices"), None)), "{told:?}");
    assert_eq!(told.len(), 3);
    assert_eq!(security_events(&service, "phone_changed").await, 1);

    // The relay has the old number told, once, by a message without a code.
    let to_old = async || {
        let inbox = service.inbox().await;
        inbox.into_iter().filter(|one| one["to"] == PHONE && one["code"].is_null()).count()
    };
    assert_eq!(to_old().await, 0);
    let core = service.state.core.clone();
    let notices = Arc::new(verify::PhoneNotices(service.state.verify.clone()));
    let relay = Relay::new(core.clone(), Sinks { notices, ..Sinks::local(&core) });
    for _ in 0..2 {
        let relayed = relay.run().await.unwrap();
        assert_eq!((relayed.failed, relayed.dead), (0, 0));
    }
    assert_eq!(to_old().await, 1);
}

#[tokio::test]
async fn a_verification_is_of_its_purpose_and_good_once() {
    let service = unlimited().await;
    let session = service.client().sign_up(PHONE).await;
    let client = of(&service, &session);
    let put = async |id: &str| put_phone(&client, json!({ "verificationId": id })).await;
    for purpose in ["register", "login"] {
        let id = service.client().verified(purpose, NEW_PHONE).await;
        put(&id).await.refused(400, "verification_invalid");
    }
    let (id, code) = service.client().start("change-phone", NEW_PHONE).await;
    put(&id).await.refused(400, "verification_invalid");
    put("6cf5c1a8-3f0e-4c1c-9b57-0d6f1c0a4be2").await.refused(400, "verification_invalid");
    service.client().confirm("login", &id, &code).await.refused(400, "verification_invalid");
    let reply = service.client().get(&format!("/auth/v1/verify/{id}")).await.expect(200);
    assert_eq!(reply.json()["purpose"], "change_phone");
    let reply = service.client().confirm("change-phone", &id, &code).await.expect(200);
    assert_eq!(reply.json(), json!({ "verified": true }));
    // It neither registers nor logs in.
    let body = json!({ "verificationId": id });
    service
        .client()
        .post("/auth/v1/register", body.clone())
        .await
        .refused(400, "verification_invalid");
    service.client().post("/auth/v1/login", body).await.refused(400, "verification_invalid");
    assert_eq!(numbers(&service).await, [json!({ "phone_number": PHONE })]);
    let _ = put(&id).await.expect(200);
    put(&id).await.refused(400, "verification_invalid");
    // Confirmed and not used, it lives for five minutes.
    let id = service.client().verified("change-phone", "+33611111111").await;
    service.advance(Duration::from_mins(5));
    let client = of(&service, &refreshed(&service, &session).await);
    put_phone(&client, json!({ "verificationId": id })).await.refused(400, "verification_invalid");
}

#[tokio::test]
async fn a_resend_has_a_code_of_the_same_purpose() {
    let service = unlimited().await;
    let client = service.client();
    let (id, first) = client.start("change-phone", NEW_PHONE).await;
    let _ = client.post(&format!("/auth/v1/verify/{id}/resend"), json!({})).await.expect(200);
    let second = client.last_code(NEW_PHONE).await;
    if first != second {
        client.confirm("change-phone", &id, &first).await.refused(400, "code_incorrect");
    }
    let _ = client.confirm("change-phone", &id, &second).await.expect(200);
}

#[tokio::test]
async fn a_request_tells_nothing_of_the_number_and_who_proves_it_is_told() {
    let service = unlimited().await;
    let session = service.client().sign_up(PHONE).await;
    let _ = service.client().sign_up(NEW_PHONE).await;
    let request = async |phone: &str| {
        let path = "/auth/v1/verify/change-phone/request";
        let reply = service.client().post(path, json!({ "phoneNumber": phone })).await.expect(200);
        let mut body = reply.json();
        body.as_object_mut().unwrap().remove("verificationId");
        let inbox = service.inbox().await;
        let text = inbox[0]["body"].as_str().unwrap().to_owned();
        (body, text.replace(inbox[0]["code"].as_str().unwrap(), "CODE"))
    };
    assert_eq!(request(NEW_PHONE).await, request("+33611111111").await);
    change(&service, &session, NEW_PHONE).await.refused(409, "account_exists");
    change(&service, &session, PHONE).await.refused(409, "account_exists");
    // A refusal leaves the verification usable and ends nothing.
    assert!(is_alive(&service, &session).await);
    assert_eq!(told(&service, "user.phone_changed").await, 0);
    assert_eq!(security_events(&service, "phone_changed").await, 0);
    let id = service.client().verified("change-phone", NEW_PHONE).await;
    let body = json!({ "verificationId": id });
    put_phone(&of(&service, &session), body.clone()).await.refused(409, "account_exists");
    service.sql(&format!("DELETE FROM auth.users_auth WHERE phone_number = '{NEW_PHONE}'")).await;
    let _ = put_phone(&of(&service, &session), body).await.expect(200);
}

#[tokio::test]
async fn the_current_number_is_proven_by_the_log_in_or_a_code() {
    let service = unlimited().await;
    let session = service.client().sign_up(PHONE).await;
    service.advance(Duration::from_secs(121));
    change(&service, &session, NEW_PHONE).await.refused(403, "fresh_proof_required");
    service.advance(Duration::from_mins(9));
    let session = refreshed(&service, &session).await;
    change(&service, &session, NEW_PHONE).await.refused(403, "fresh_proof_required");
    let client = of(&service, &session);
    let with = async |proof: &str| {
        let id = service.client().verified("change-phone", NEW_PHONE).await;
        put_phone(&client, json!({ "verificationId": id, "proofVerificationId": proof })).await
    };
    // A code to another number, or for another purpose, proves nothing.
    for (purpose, phone) in [("login", NEW_PHONE), ("change-phone", PHONE), ("register", PHONE)] {
        let proof = service.client().verified(purpose, phone).await;
        with(&proof).await.refused(403, "fresh_proof_required");
    }
    let proof = service.client().verified("login", PHONE).await;
    let _ = with(&proof).await.expect(200);
    // Both are used.
    let used = "SELECT count(*) FROM auth.used_verifications";
    assert_eq!(service.count(used).await, 3);
    with(&proof).await.refused(403, "fresh_proof_required");
}

#[tokio::test]
async fn with_a_second_factor_its_code_is_asked_for_and_spent_by_the_change_alone() {
    let service = unlimited().await;
    let session = service.client().sign_up(PHONE).await;
    let app = with_second_factor(&service, &session).await;
    change(&service, &session, NEW_PHONE).await.refused(403, "two_factor_required");
    let client = of(&service, &session);
    let with = async |client: &Client, phone: &str, token: &str| {
        let id = service.client().verified("change-phone", phone).await;
        put_phone(client, json!({ "verificationId": id, "twoFactorToken": token })).await
    };
    let wrong = app.wrong(service.now()).next().unwrap();
    with(&client, NEW_PHONE, &wrong).await.refused(401, "two_factor_invalid");
    let _ = service.client().sign_up(NEW_PHONE).await;
    let code = app.at(service.now());
    with(&client, NEW_PHONE, &code).await.refused(409, "account_exists");
    let body = json!({ "verificationId": "6cf5c1a8-3f0e-4c1c-9b57-0d6f1c0a4be2",
                       "twoFactorToken": code });
    put_phone(&client, body).await.refused(400, "verification_invalid");
    let _ = with(&client, "+33611111111", &code).await.expect(200);
    service.advance(STEP);
    with(&client, "+33611111112", &code).await.refused(401, "two_factor_invalid");
}

#[tokio::test]
async fn bad_input_is_named() {
    let service = unlimited().await;
    let session = service.client().sign_up(PHONE).await;
    let client = of(&service, &session);
    for (body, field) in [
        (json!({}), "verificationId"),
        (json!({ "verificationId": "x" }), "verificationId"),
        (
            json!({ "verificationId": session.user, "proofVerificationId": 1 }),
            "proofVerificationId",
        ),
        (json!({ "verificationId": session.user, "twoFactorToken": "12" }), "twoFactorToken"),
    ] {
        let reply = put_phone(&client, body).await.refused(400, "validation_failed");
        assert_eq!(reply.json()["errors"][0]["field"], field);
    }
    put_phone(&service.client(), json!({})).await.refused(401, "token_missing");
}
