//! The one log line of each request. In Lambda it is a CloudWatch embedded metric (EMF) at the
//! same time.

use domain::time::Timestamp;
use std::time::Duration;

const NAMESPACE: &str = "AuthService";

/// An answered request, for the log and the metrics. The route is the template, never the
/// path, which may hold a verification id.
#[derive(Debug)]
pub struct RequestLog<'a> {
    pub request_id: &'a str,
    pub operation: Option<&'static str>,
    pub method: &'static str,
    pub route: &'a str,
    pub status: u16,
    pub code: Option<&'static str>,
    pub elapsed: Duration,
    pub at: Timestamp,
}

impl RequestLog<'_> {
    /// Writes the request's line.
    pub fn write(&self, function: Option<&str>) {
        let millis = self.elapsed.as_secs_f64() * 1000.0;
        let Some(function) = function else {
            tracing::info!(
                method = self.method,
                route = self.route,
                status = self.status,
                code = self.code,
                duration_ms = millis,
                "request"
            );
            return;
        };
        // Embedded metric format: CloudWatch reads the metrics out of the line itself.
        let line = serde_json::json!({
            "_aws": {
                "Timestamp": self.at.millis(),
                "CloudWatchMetrics": [{
                    "Namespace": NAMESPACE,
                    "Dimensions": [["function"]],
                    "Metrics": [
                        { "Name": "duration", "Unit": "Milliseconds" },
                        { "Name": "requests", "Unit": "Count" },
                        { "Name": "server_errors", "Unit": "Count" },
                        { "Name": "throttled", "Unit": "Count" },
                    ],
                }],
            },
            "function": function, "level": "INFO", "message": "request",
            "request_id": self.request_id, "operation": self.operation, "method": self.method, "route": self.route,
            "status": self.status, "code": self.code,
            "duration": millis, "requests": 1,
            "server_errors": u8::from(self.status >= 500),
            "throttled": u8::from(self.status == 429),
        });
        println!("{line}");
    }
}

/// A finished invocation of a function whose events are of its own. Its metrics have the names
/// of a request's, so that the same alarms watch every function.
#[derive(Debug)]
pub struct InvocationLog<'a> {
    pub request_id: &'a str,
    pub has_failed: bool,
    pub elapsed: Duration,
    pub at: Timestamp,
}

impl InvocationLog<'_> {
    /// Writes the invocation's line.
    pub fn write(&self, function: Option<&str>) {
        let millis = self.elapsed.as_secs_f64() * 1000.0;
        let outcome = self.outcome();
        let Some(function) = function else {
            tracing::info!(outcome, duration_ms = millis, "invocation");
            return;
        };
        let line = serde_json::json!({
            "_aws": {
                "Timestamp": self.at.millis(),
                "CloudWatchMetrics": [{
                    "Namespace": NAMESPACE,
                    "Dimensions": [["function"]],
                    "Metrics": [
                        { "Name": "duration", "Unit": "Milliseconds" },
                        { "Name": "requests", "Unit": "Count" },
                        { "Name": "server_errors", "Unit": "Count" },
                    ],
                }],
            },
            "function": function, "level": "INFO", "message": "invocation",
            "request_id": self.request_id, "outcome": outcome,
            "duration": millis, "requests": 1, "server_errors": u8::from(self.has_failed),
        });
        println!("{line}");
    }

    pub(super) const fn outcome(&self) -> &'static str {
        if self.has_failed { "failed" } else { "done" }
    }
}
