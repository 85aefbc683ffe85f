//! A pepper that is replaced while verifications run: none of them ends, no count begins anew.

use super::{PHONE, ask, confirm_bound, start_bound, wrong_code, wrong_codes};
use serde_json::json;
use std::time::Duration;
use tests::{Client, Service};

/// The next deployment, after one step of `cargo local keys rotate-pepper`.
async fn rotated(service: &Service, pepper: &mut String) -> Service {
    pepper.clone_from(&local::service::rotated_pepper(pepper).expect("a pepper")["PEPPER"]);
    service.with_more(&[("PEPPER", pepper)]).await
}

/// Sandboxes of three deployments over the same stores: before a rotation, with a `next` pepper,
/// and with that as the current one.
async fn deployments() -> [Service; 3] {
    let mut pepper = local::service::new_keys()["PEPPER"].clone();
    let before = Service::with(&[("PEPPER", &pepper)]).await;
    let prepared = rotated(&before, &mut pepper).await;
    let after = rotated(&prepared, &mut pepper).await;
    [before, prepared, after]
}

async fn resend(client: &Client, id: &str) -> String {
    let path = format!("/auth/v1/verify/{id}/resend");
    let _ = client.post(&path, json!({ "deviceId": "phone-1" })).await.expect(200);
    client.last_code(PHONE).await
}

/// Each step of a verification by a sandbox of another deployment than the step before.
#[tokio::test]
async fn a_rotation_ends_no_running_verification() {
    let [before, prepared, after] = deployments().await;
    for order in [[&before, &prepared, &before], [&prepared, &after, &prepared]] {
        for order in [order, [order[1], order[0], order[1]]] {
            let [first, second, third] = order.map(Service::client);
            let (id, code) = start_bound(&first, PHONE, Some("phone-1")).await;
            confirm_bound(&second, &id, &wrong_code(&code)).await.refused(400, "code_incorrect");
            // Bound to its device under whichever pepper.
            second.confirm("register", &id, &code).await.refused(400, "verification_invalid");
            after.advance(Duration::from_mins(2));
            let code = resend(&second, &id).await;
            let _ = confirm_bound(&third, &id, &code).await.expect(200);
            let body = json!({ "verificationId": id, "deviceId": "phone-1" });
            let session = second.post("/auth/v1/register", body).await.expect(201).json();
            let access = session["accessToken"].as_str().expect("a token").to_owned();
            // The account goes, so that the next round can register.
            let _ = third.bearer(&access).post("/auth/v1/logout/all", json!({})).await.expect(204);
            after.sql("DELETE FROM auth.users_auth").await;
            // So that the number may ask again.
            after.advance(Duration::from_hours(2));
        }
    }
}

/// The number of attempts is exact, whichever sandbox compares.
#[tokio::test]
async fn attempts_are_counted_across_peppers() {
    let [before, prepared, after] = deployments().await;
    let (id, code) = prepared.client().start("register", PHONE).await;
    let sandboxes = [&before, &after, &prepared];
    for (n, wrong) in wrong_codes(&code).take(5).enumerate() {
        let client = sandboxes[n % 3].client();
        let reply = client.confirm("register", &id, &wrong).await.refused(400, "code_incorrect");
        assert_eq!(reply.json()["attemptsLeft"], 4 - n);
    }
    for sandbox in sandboxes {
        let reply = sandbox.client().confirm("register", &id, &code).await;
        reply.refused(429, "too_many_attempts");
    }
}

/// Limits are counted by the phone index, which does not change.
#[tokio::test]
async fn limits_of_a_number_survive_a_rotation() {
    let [before, _, after] = deployments().await;
    for service in [&before, &before, &before, &after, &after] {
        let _ = ask(&service.client(), "register", PHONE).await.expect(200);
    }
    ask(&after.client(), "register", PHONE).await.refused(429, "rate_limited");
    ask(&before.client(), "register", PHONE).await.refused(429, "rate_limited");
}

/// A pepper that was removed takes its verifications with it, and nothing else.
#[tokio::test]
async fn a_verification_under_a_removed_pepper_is_over() {
    let before = Service::start().await;
    let client = before.client();
    let session = client.sign_up("+33698765432").await;
    let (id, code) = client.start("register", PHONE).await;
    let confirmed = client.verified("register", "+33612345679").await;
    let pepper = local::service::new_keys()["PEPPER"].clone();
    let after = before.with_more(&[("PEPPER", &pepper)]).await.client();
    after.confirm("register", &id, &code).await.refused(400, "verification_invalid");
    let path = format!("/auth/v1/verify/{id}/resend");
    after.post(&path, json!({})).await.refused(400, "verification_invalid");
    let body = json!({ "verificationId": confirmed });
    after.post("/auth/v1/register", body).await.refused(400, "verification_invalid");
    // Nothing was counted or lost: under its own pepper it goes on.
    let _ = client.confirm("register", &id, &code).await.expect(200);
    let _ = after.refresh(&session.refresh).await.expect(200);
}
