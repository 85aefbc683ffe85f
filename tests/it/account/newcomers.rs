//! A device that joined by SMS alone may not change what the owner needs to come back, for seven days.

use super::{
    DAY, NEW_PHONE, PHONE, delete_account, delete_lock, of, put_lock, put_phone, refreshed,
    unlimited,
};
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn a_newcomer_changes_neither_number_nor_lock_and_deletes_nothing() {
    let service = unlimited().await;
    let owner = service.client().sign_up(PHONE).await;
    service.advance(Duration::from_hours(1));
    let thief = service.client().log_in(PHONE, "thief").await;
    let client = of(&service, &thief);
    let id = service.client().verified("change-phone", NEW_PHONE).await;
    let proof = service.client().verified("login", PHONE).await;
    let body = json!({ "verificationId": id, "proofVerificationId": proof });
    let allowed_at = shared::clock::date_time(service.now() - Duration::from_hours(1) + DAY * 7);
    for reply in [
        put_phone(&client, body).await,
        put_lock(&client, json!({ "proofVerificationId": proof })).await,
        delete_lock(&client, json!({ "proofVerificationId": proof })).await,
        delete_account(&client, json!({ "proofVerificationId": proof })).await,
    ] {
        let reply = reply.refused(403, "device_too_new");
        assert_eq!(reply.json()["allowedAt"], allowed_at);
    }
    // A refusal uses up nothing, changes nothing, and is no change to undo.
    assert_eq!(service.count("SELECT count(*) FROM auth.users_auth").await, 1);
    assert_eq!(service.count("SELECT count(*) FROM auth.account_changes").await, 0);
    assert_eq!(service.count("SELECT count(*) FROM auth.used_verifications").await, 2);
    let owner = refreshed(&service, &owner).await;
    let _ =
        put_lock(&of(&service, &owner), json!({ "proofVerificationId": proof })).await.expect(200);
    let _ = put_phone(
        &of(&service, &owner),
        json!({ "verificationId": id,
                "proofVerificationId": service.client().verified("login", PHONE).await }),
    )
    .await
    .expect(200);
}

#[tokio::test]
async fn after_seven_days_it_may() {
    let service = unlimited().await;
    let owner = service.client().sign_up(PHONE).await;
    let device = service.client().log_in(PHONE, "second").await;
    service.advance((DAY * 7).saturating_sub(Duration::from_millis(1)));
    let _ = refreshed(&service, &owner).await;
    let device = refreshed(&service, &device).await;
    let proof = service.client().verified("login", PHONE).await;
    let body = json!({ "proofVerificationId": proof });
    put_lock(&of(&service, &device), body.clone()).await.refused(403, "device_too_new");
    service.advance(Duration::from_millis(1));
    let _ = put_lock(&of(&service, &device), body).await.expect(200);
}
