//! Correlation: every log line of a request carries its id and its operation, and an error
//! is logged once, with everything that caused it.

use serde_json::{Value, json};
use std::io;
use std::sync::{Arc, Mutex};
use tests::stores::Stores;
use tests::{Reply, Service};

/// The lines that were logged on this thread.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Sends a request, and gives the answer with all lines that were logged meanwhile.
async fn logged(request: impl Future<Output = Reply>) -> (Reply, Vec<Value>) {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = shared::telemetry::subscriber(move || writer.clone());
    let guard = tracing::subscriber::set_default(subscriber);
    let reply = request.await;
    drop(guard);
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    (reply, text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

/// Checks that all lines belong to this request; gives those of a level.
#[track_caller]
fn of_level<'l>(lines: &'l [Value], level: &str, id: &str, operation: &str) -> Vec<&'l Value> {
    assert!(!lines.is_empty());
    for line in lines {
        assert_eq!(line["span"]["request_id"], id, "{line}");
        assert_eq!(line["span"]["operation"], operation, "{line}");
    }
    lines.iter().filter(|line| line["level"] == level).collect()
}

const NOWHERE: &str = "postgres://auth@127.0.0.1:1/auth";

#[tokio::test]
async fn a_store_that_fails_is_logged_once_with_its_cause_under_the_requests_id() {
    let stores = Stores { database_url: NOWHERE.to_owned(), ..Stores::fresh().await };
    let service = Service::over(stores, &[]).await;
    let client = service.client().with_header("x-request-id", "a-failing-store");
    let body = json!({ "phoneNumber": "+33612345678" });
    let (reply, lines) = logged(client.post("/auth/v1/verify/login/request", body)).await;
    reply.refused(503, "unavailable");

    let operation = "start_login_verification";
    let errors = of_level(&lines, "ERROR", "a-failing-store", operation);
    let [error] = errors[..] else { panic!("{errors:?}") };
    assert_eq!(error["message"], "request failed");
    assert_eq!(
        error["error"],
        "failed to connect to postgres for find_account: i/o error: connection refused"
    );
    let requests = of_level(&lines, "INFO", "a-failing-store", operation);
    let [request] = requests[..] else { panic!("{requests:?}") };
    assert_eq!((&request["status"], &request["code"]), (&json!(503), &json!("unavailable")));
}

#[tokio::test]
async fn lines_of_a_caller_carry_its_session() {
    let service = Service::start().await;
    let session = service.client().sign_up("+33612345678").await;
    // Redis is gone: the row decides, and the log says why.
    let stores = Stores { redis_url: "redis://127.0.0.1:1/0".to_owned(), ..service.stores.clone() };
    let degraded = service.over_stores(stores).await;
    let client = degraded.client().with_header("x-request-id", "no-redis");
    let (reply, lines) = logged(client.ws_token(&session.access)).await;
    let _ = reply.expect(200);
    let warnings = of_level(&lines, "WARN", "no-redis", "issue_ws_token");
    assert!(!warnings.is_empty());
    for line in &lines {
        assert_eq!(line["span"]["session_id"], session.id(), "{line}");
    }
    let text = serde_json::to_string(&lines).unwrap();
    assert!(!text.contains(&session.access) && !text.contains(&session.refresh));
}
