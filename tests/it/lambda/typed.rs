//! A function whose events are of its own, in the runtime's loop: what it answers, and the one log
//! line of each invocation. So are the tasks of a function with routes.

use super::{Sandbox, service_and_variables};
use serde_json::{Value, json};

#[tokio::test]
async fn each_invocation_leaves_one_line_that_is_a_metric() {
    let (service, variables) = service_and_variables().await;
    let session = service.client().sign_up("+33612345678").await;
    let request = |token: &str| {
        json!({
            "version": "2.0",
            "rawPath": "/v1/messages",
            "headers": { "authorization": format!("Bearer {token}") },
            "requestContext": { "http": { "method": "GET" } },
        })
    };
    let mut sandbox = Sandbox::start("authorizer", &variables).await;
    let refused = sandbox.invoke_with(request("forged").to_string().into()).await;
    assert_eq!(refused, ("response".to_owned(), json!({ "isAuthorized": false })));
    // The clock of the service stands still, and that of the process does not: its token has expired.
    let expired = sandbox.invoke_with(request(&session.access).to_string().into()).await;
    assert_eq!(expired.0, "response");
    let unknown = json!({ "version": [session.access] }).to_string();
    let (kind, error) = sandbox.invoke_with(unknown.into()).await;
    assert_eq!(kind, "error");
    assert!(!error.to_string().contains(&session.access), "{error}");

    let log = sandbox.end();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let told: Vec<Value> = lines.filter(|line| line["message"] == "invocation").collect();
    let outcomes: Vec<&str> = told.iter().filter_map(|line| line["outcome"].as_str()).collect();
    assert_eq!(outcomes, ["done", "done", "failed"], "{log}");
    for (line, failed) in told.iter().zip([0, 0, 1]) {
        assert_eq!(line["function"], "auth-authorizer");
        assert_eq!(line["request_id"], "8476a536-e9f4-11e8-9739-2dfe598c3fcd");
        assert_eq!(line["server_errors"].as_u64().unwrap_or(0), failed);
        crate::template::emf::check(line);
        let metrics = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(metrics["Dimensions"], json!([["function"]]));
    }
    assert!(!log.contains(&session.access), "{log}");
}

/// `METRICS_ENABLED` is about `/metrics`: CloudWatch gets its metrics in any case.
#[tokio::test]
async fn each_task_leaves_one_line_that_is_a_metric_with_and_without_a_metrics_route() {
    const NUMBER: &str = "+33612345678";
    for is_enabled in ["true", "false"] {
        let (_service, mut variables) = service_and_variables().await;
        let no_sender = [
            ("METRICS_ENABLED", is_enabled),
            ("SMS_SENDER", "twilio"),
            ("TWILIO_ACCOUNT_SID", "AC0"),
            ("TWILIO_AUTH_TOKEN", "token"),
            ("TWILIO_FROM", "+15005550006"),
            ("TWILIO_API_URL", "http://127.0.0.1:9"),
        ];
        variables.extend(no_sender.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let task = |number: &str| {
            let id = "00000000-0000-4000-8000-000000000001";
            let data = json!({ "to": "phone", "notice": "phone_changed", "phoneNumber": number });
            json!({ "task": "send_notice", "event": {
                "id": id, "topic": "security.notice", "seq": 1, "userId": id, "occurredAt": 1,
                "data": data } })
        };
        let mut sandbox = Sandbox::start("verify", &variables).await;
        let (kind, _) = sandbox.invoke_with(task("no number").to_string().into()).await;
        assert_eq!(kind, "response", "refused for good");
        let (kind, error) = sandbox.invoke_with(task(NUMBER).to_string().into()).await;
        assert_eq!(kind, "error", "no sender takes it");
        assert!(!error.to_string().contains(NUMBER), "{error}");

        let log = sandbox.end();
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let told: Vec<Value> = lines.filter(|line| line["message"] == "invocation").collect();
        let outcomes: Vec<&str> = told.iter().filter_map(|line| line["outcome"].as_str()).collect();
        assert_eq!(outcomes, ["done", "failed"], "{log}");
        for line in &told {
            assert_eq!(line["function"], "auth-verify");
            assert_eq!(line["request_id"], "8476a536-e9f4-11e8-9739-2dfe598c3fcd");
            crate::template::emf::check(line);
        }
        assert_eq!(told[1]["server_errors"], 1);
        assert_eq!(told[1]["auth_notices_failed_total"], 1, "{log}");
        assert!(!log.contains(NUMBER.trim_start_matches("+33")), "{log}");
    }
}
