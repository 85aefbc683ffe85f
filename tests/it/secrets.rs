//! The search for secrets in logs and answers, which runs beside every other test: that it
//! searches, and that it finds.

use serde_json::json;
use tests::{Service, secrets};

#[tokio::test]
async fn nothing_that_was_logged_or_answered_holds_a_secret() {
    let before = secrets::searched();
    let service = Service::start().await;
    let client = service.client();
    let session = client.sign_up("+33612345678").await;
    let _ = client.refresh(&session.refresh).await.expect(200);
    let broken = json!({ "phoneNumber": "+33612345678 ext 9" });
    let reply = client.post("/auth/v1/verify/register/request", broken).await.expect(400);
    assert_eq!(secrets::in_answer(&String::from_utf8_lossy(&reply.body)), None);
    let metrics = client.get("/metrics").await.expect(200);
    assert_eq!(secrets::in_answer(&String::from_utf8_lossy(&metrics.body)), None);
    assert!(secrets::searched() >= before + 5, "each request leaves a line");
    assert_eq!(secrets::leaks(), Vec::<String>::new());
}

#[test]
fn an_answer_with_a_number_or_a_key_is_found() {
    let key = "bm90IGEga2V5IGJ1dCBhcyBsb25nIGFzIG9uZSBtdXN0IGJl";
    secrets::remember(key);
    assert!(secrets::in_answer(r#"{"detail":"+33612345678 is taken"}"#).is_some());
    assert!(secrets::in_answer(&format!(r#"{{"detail":"{key}"}}"#)).is_some());
    assert_eq!(secrets::in_answer(r#"{"detail":"+33***5678 is taken"}"#), None);
    let by_chance = format!(r#"{{"publicKey":"{}+64420316ck{}"}}"#, "A".repeat(20), "B".repeat(20));
    assert_eq!(secrets::in_answer(&by_chance), None);
}
