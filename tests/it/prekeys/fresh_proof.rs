//! Keys are deleted with a fresh proof only: a token of the last two minutes, and a log-in or a code
//! to the account's number of the last ten.

use super::{ALICE, BOB, KEYS, Person, security_events, unlimited};
use http::Method;
use serde_json::{Value, json};
use std::time::Duration;
use tests::race::{counts, tally, together};
use tests::{Client, Reply, Service, Session};

impl Person {
    /// The same with a new access token.
    async fn refreshed(mut self, service: &Service) -> Self {
        let reply = service.client().refresh(&self.session.refresh).await.expect(200);
        self.session = Session::from_reply(&reply);
        Self::of(service, self.session, self.keys)
    }

    async fn delete(&self, body: Value) -> Reply {
        delete(&self.client, &self.session.device, body).await
    }
}

async fn delete(client: &Client, device: &str, body: Value) -> Reply {
    client.send(Method::DELETE, &format!("{KEYS}/device/{device}"), &body).await
}

/// Somebody whose log-in is eleven minutes old, and whose token is new.
async fn logged_in_long_ago(service: &Service) -> Person {
    let bob = Person::new(service, BOB, 3, 3).await;
    service.advance(Duration::from_mins(11));
    bob.refreshed(service).await
}

async fn has_keys(service: &Service, person: &Person) -> bool {
    let count = format!(
        "SELECT count(*) FROM auth.identity_keys WHERE device_id = '{}'",
        person.session.device
    );
    service.count(&count).await == 1
}

const USED: &str = "SELECT count(*) FROM auth.used_verifications";

#[tokio::test]
async fn a_token_of_the_last_two_minutes_is_needed() {
    let service = unlimited().await;
    let bob = Person::new(&service, BOB, 3, 3).await;
    service.advance(Duration::from_secs(121));
    bob.delete(json!({})).await.refused(403, "fresh_proof_required");
    let all = bob.client.send(Method::DELETE, KEYS, &json!({})).await;
    all.refused(403, "fresh_proof_required");
    // Before what is wrong with the request itself.
    delete(&bob.client, "x", json!({})).await.refused(403, "fresh_proof_required");
    assert!(has_keys(&service, &bob).await);
    // No proof of the number makes an old token young.
    let id = service.client().verified("login", BOB).await;
    let body = json!({ "proofVerificationId": id });
    bob.delete(body).await.refused(403, "fresh_proof_required");

    let bob = bob.refreshed(&service).await;
    service.advance(Duration::from_mins(2));
    let used = service.count(USED).await;
    let _ = bob.delete(json!({ "proofVerificationId": id })).await.expect(204);
    assert!(!has_keys(&service, &bob).await);
    assert_eq!(service.count(USED).await, used, "the log-in was proof enough");
}

#[tokio::test]
async fn the_log_in_counts_for_ten_minutes_and_then_a_code_does_once() {
    let service = unlimited().await;
    let bob = Person::new(&service, BOB, 3, 3).await;
    let tablet = Person::device(&service, BOB, "tablet").await;
    service.advance(Duration::from_mins(10));
    let (bob, tablet) = (bob.refreshed(&service).await, tablet.refreshed(&service).await);
    let client = service.client();
    let id = client.verified("login", BOB).await;
    let proof = json!({ "proofVerificationId": id });
    // What is not needed stays usable.
    let _ = delete(&bob.client, &tablet.session.device, proof.clone()).await.expect(204);

    service.advance(Duration::from_secs(1));
    bob.delete(json!({})).await.refused(403, "fresh_proof_required");
    let all = bob.client.send(Method::DELETE, KEYS, &json!({})).await;
    all.refused(403, "fresh_proof_required");
    assert!(has_keys(&service, &bob).await);

    // What does not exist uses nothing up.
    let foreign = delete(&bob.client, "0190a5d0-0000-7000-8000-000000000000", proof.clone()).await;
    foreign.refused(404, "device_not_found");
    let _ = bob.delete(proof.clone()).await.expect(204);
    assert!(!has_keys(&service, &bob).await);
    assert_eq!(security_events(&service, "keys_deleted").await, 2);
    // It was used, by this.
    bob.delete(proof.clone()).await.refused(403, "fresh_proof_required");
    let login = json!({ "verificationId": id, "deviceId": "another" });
    client.post("/auth/v1/login", login).await.refused(400, "verification_invalid");
    client.get(&format!("/auth/v1/verify/{id}")).await.refused(404, "verification_not_found");
    // For all devices at once it serves as well.
    let id = client.verified("login", BOB).await;
    let proof = json!({ "proofVerificationId": id });
    let _ = bob.client.send(Method::DELETE, KEYS, &proof).await.expect(204);
    bob.delete(proof).await.refused(403, "fresh_proof_required");
}

#[tokio::test]
async fn only_a_confirmed_unused_login_code_for_the_own_number_is_a_proof() {
    let service = unlimited().await;
    let bob = logged_in_long_ago(&service).await;
    let client = service.client();
    let _ = client.sign_up(ALICE).await;
    let unconfirmed = client.start("login", BOB).await.0;
    let foreign = client.verified("login", ALICE).await;
    let registration = client.verified("register", BOB).await;
    let spent = client.verified("login", BOB).await;
    let body = json!({ "verificationId": spent, "deviceId": "another" });
    let _ = client.post("/auth/v1/login", body).await.expect(200);
    let used = service.count(USED).await;
    for (n, id) in [
        unconfirmed.as_str(),
        &foreign,
        &registration,
        &spent,
        // Unknown, of this service's form and not.
        "0190a5d0-0000-8000-8000-000000000000",
        "0190a5d0-0000-7000-8000-000000000000",
    ]
    .into_iter()
    .enumerate()
    {
        let reply = bob.delete(json!({ "proofVerificationId": id })).await;
        assert_eq!((n, reply.status.as_u16()), (n, 403));
        reply.refused(403, "fresh_proof_required");
    }
    for bad in [json!("x"), json!(1)] {
        let reply = bob.delete(json!({ "proofVerificationId": bad })).await;
        reply.refused(400, "validation_failed");
    }
    assert!(has_keys(&service, &bob).await);
    assert_eq!(service.count(USED).await, used, "what proves nothing is not used up");
    // Nor is it after its time.
    let late = client.verified("login", BOB).await;
    service.advance(Duration::from_secs(301));
    let bob = bob.refreshed(&service).await;
    let reply = bob.delete(json!({ "proofVerificationId": late })).await;
    reply.refused(403, "fresh_proof_required");
}

#[tokio::test]
async fn a_code_that_a_device_asked_for_proves_the_number_on_that_device() {
    let service = unlimited().await;
    let client = service.client();
    let phone = Person::device_of_new_account(&service, "phone-1").await;
    service.advance(Duration::from_mins(11));
    let phone = phone.refreshed(&service).await;
    let ask = async |device: &str| {
        let body = json!({ "phoneNumber": BOB, "deviceId": device });
        let path = "/auth/v1/verify/login/request";
        let id = client.post(path, body).await.expect(200).json()["verificationId"].clone();
        let code = client.last_code(BOB).await;
        let body = json!({ "verificationId": id, "code": code, "deviceId": device });
        let _ = client.post("/auth/v1/verify/login/confirm", body).await.expect(200);
        json!({ "proofVerificationId": id })
    };
    let proof = ask("phone-2").await;
    phone.delete(proof).await.refused(403, "fresh_proof_required");
    let by_row = ask(&phone.session.device).await;
    let proof = ask("phone-1").await;
    let _ = phone.delete(proof).await.expect(204);
    let _ = phone.delete(by_row).await.expect(204);
}

impl Person {
    async fn device_of_new_account(service: &Service, device: &str) -> Self {
        let keys = tests::Keys::new();
        let id = service.client().verified("register", BOB).await;
        let body = json!({ "verificationId": id, "deviceId": device,
                           "signalKeyBundle": keys.bundle(1..3, 1..3) });
        let reply = service.client().post("/auth/v1/register", body).await.expect(201);
        Self::of(service, Session::from_reply(&reply), keys)
    }
}

#[tokio::test]
async fn a_session_that_ended_meanwhile_deletes_nothing() {
    let service = unlimited().await;
    let bob = Person::new(&service, BOB, 3, 3).await;
    // Redis still believes it alive.
    let _ = bob.status().await;
    service.sql("UPDATE auth.sessions SET revoked_at = now(), revoked_for = 'logout'").await;
    bob.delete(json!({})).await.refused(401, "session_ended");
    bob.client.send(Method::DELETE, KEYS, &json!({})).await.refused(401, "session_ended");
    assert!(has_keys(&service, &bob).await);
}

#[tokio::test]
async fn an_account_with_a_second_factor_is_not_asked_for_less() {
    let service = unlimited().await;
    let bob = Person::new(&service, BOB, 3, 3).await;
    service.sql("UPDATE auth.users_auth SET two_factor_enabled = true").await;
    bob.delete(json!({})).await.refused(403, "two_factor_required");
    assert!(has_keys(&service, &bob).await);
}

/// The shipped app refreshes after a 401, and after nothing else.
#[tokio::test]
async fn with_legacy_clients_an_old_token_is_answered_as_an_expired_one() {
    let service = Service::with(&[("LEGACY_CLIENTS", "true"), ("RATE_LIMITS", "off")]).await;
    let bob = Person::new(&service, BOB, 3, 3).await;
    service.advance(Duration::from_secs(121));
    bob.delete(json!({})).await.refused(401, "token_expired");
    let bob = bob.refreshed(&service).await;
    let _ = bob.delete(json!({})).await.expect(204);
    service.advance(Duration::from_mins(11));
    let bob = bob.refreshed(&service).await;
    bob.delete(json!({})).await.refused(403, "fresh_proof_required");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_requests_at_once_one_uses_a_proof() {
    let service = unlimited().await;
    let bob = logged_in_long_ago(&service).await;
    let tablet = Person::device(&service, BOB, "tablet").await;
    let mut sandboxes = vec![service.clone()];
    for _ in 0..3 {
        sandboxes.push(service.sandbox().await);
    }
    for round in 0..6 {
        let id = service.client().verified("login", BOB).await;
        let used = service.count(USED).await;
        let deletions = (0..8).map(|n| {
            let client = sandboxes[n % 4].client().bearer(&bob.session.access);
            let (id, device) = (id.clone(), tablet.session.device.clone());
            async move { delete(&client, &device, json!({ "proofVerificationId": id })).await }
        });
        let replies = together(deletions).await;
        let expected = counts([("204", 1), ("403 fresh_proof_required", 7)]);
        assert_eq!(tally(&replies), expected, "round {round}");
        assert_eq!(service.count(USED).await, used + 1);
    }
}

/// A log-in and a proof draw on the same table.
#[tokio::test(flavor = "multi_thread")]
async fn a_verification_is_used_by_a_log_in_or_by_a_proof() {
    let service = unlimited().await;
    let sandbox = service.sandbox().await;
    let bob = logged_in_long_ago(&service).await;
    for round in 0..10 {
        let id = service.client().verified("login", BOB).await;
        let requests = (0..4).map(|n| {
            let service = if n < 2 { &service } else { &sandbox };
            let (client, access) = (service.client(), bob.session.access.clone());
            let (id, device) = (id.clone(), bob.session.device.clone());
            async move {
                if n % 2 == 0 {
                    let body = json!({ "proofVerificationId": id });
                    delete(&client.bearer(&access), &device, body).await
                } else {
                    let body = json!({ "verificationId": id, "deviceId": "another" });
                    client.post("/auth/v1/login", body).await
                }
            }
        });
        let replies = together(requests).await;
        let won = replies.iter().filter(|reply| reply.status.is_success()).count();
        assert_eq!(won, 1, "round {round}: {:?}", tally(&replies));
        let lost: Vec<_> = replies.iter().filter(|reply| !reply.status.is_success()).collect();
        assert!(lost.iter().all(|reply| {
            let code = reply.json()["code"].as_str().unwrap_or_default().to_owned();
            ["fresh_proof_required", "verification_invalid"].contains(&code.as_str())
        }));
        let used =
            format!("SELECT count(*) FROM auth.used_verifications WHERE verification_id = '{id}'");
        assert_eq!(service.count(&used).await, 1);
    }
}
