//! The one log line of each request or invocation. In Lambda it holds CloudWatch metrics at the
//! same time: those of every request, and what people read of a failure and of a sample.

use domain::time::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;

use super::emf::{Dimensions, Line};
use crate::clock::Rng;
use crate::config::TelemetryConfig;

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
    /// Writes the request's line, with what was counted meanwhile.
    pub fn write(&self, config: &TelemetryConfig, counted: &[(&'static str, i64)], rng: Rng) {
        let millis = millis(self.elapsed);
        let Some(function) = &config.function else {
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
        let is_told = self.status >= 400 || is_sampled(config, rng);
        self.line(config, function, counted, is_told).write();
    }

    /// A metric stands in the lines where it is more than none: CloudWatch costs by what it is
    /// given, and its sums do not miss a zero.
    fn line(
        &self,
        config: &TelemetryConfig,
        function: &str,
        counted: &[(&'static str, i64)],
        is_told: bool,
    ) -> Line {
        let mut line = Line::new(self.at, config, function);
        let mut metrics = vec![("duration", json!(millis(self.elapsed)))];
        let failures = [
            ("server_errors", self.status >= 500),
            ("unavailable", self.status == 503),
            ("throttled", self.status == 429),
        ];
        metrics.extend(failures.iter().filter(|(_, is)| *is).map(|(name, _)| (*name, json!(1))));
        line.metrics(Dimensions::StageAndFunction, &metrics);
        let counted: Vec<(&str, Value)> =
            counted.iter().map(|(name, count)| (*name, json!(count))).collect();
        line.metrics(Dimensions::Stage, &counted);
        if is_told {
            line.fields(json!({
                "level": "INFO", "message": "request",
                "request_id": self.request_id, "operation": self.operation,
                "method": self.method, "route": self.route,
                "status": self.status, "code": self.code,
            }));
        }
        line
    }
}

/// A finished invocation of a function whose events are of its own. Its metrics have the names
/// of a request's, for its function alone: those of a stage are the API's.
#[derive(Debug)]
pub struct InvocationLog<'a> {
    pub request_id: &'a str,
    pub has_failed: bool,
    pub elapsed: Duration,
    pub at: Timestamp,
}

impl InvocationLog<'_> {
    /// Writes the invocation's line, with what was counted meanwhile.
    pub fn write(&self, config: &TelemetryConfig, counted: &[(&'static str, i64)], rng: Rng) {
        let millis = millis(self.elapsed);
        let outcome = self.outcome();
        let Some(function) = &config.function else {
            tracing::info!(outcome, duration_ms = millis, "invocation");
            return;
        };
        let mut line = Line::new(self.at, config, function);
        let mut metrics = vec![("duration", json!(millis))];
        metrics.extend(self.has_failed.then(|| ("server_errors", json!(1))));
        line.metrics(Dimensions::Function, &metrics);
        let counted: Vec<(&str, Value)> =
            counted.iter().map(|(name, count)| (*name, json!(count))).collect();
        line.metrics(Dimensions::Stage, &counted);
        if self.has_failed || is_sampled(config, rng) {
            line.fields(json!({
                "level": "INFO", "message": "invocation",
                "request_id": self.request_id, "outcome": outcome,
            }));
        }
        line.write();
    }

    pub(super) const fn outcome(&self) -> &'static str {
        if self.has_failed { "failed" } else { "done" }
    }
}

/// Whether this success is one of those that are logged.
fn is_sampled(config: &TelemetryConfig, rng: Rng) -> bool {
    rng.next_u32() % 100 < config.success_sample
}

/// In milliseconds, to a hundredth.
fn millis(elapsed: Duration) -> f64 {
    (elapsed.as_secs_f64() * 100_000.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Stage;

    fn log(status: u16) -> RequestLog<'static> {
        RequestLog {
            request_id: "r",
            operation: Some("check_health"),
            method: "GET",
            route: "/auth/v1/health",
            status,
            code: None,
            elapsed: Duration::from_micros(12_345),
            at: Timestamp::from_millis(1000),
        }
    }

    fn line(status: u16, counted: &[(&'static str, i64)], is_told: bool) -> Value {
        let config = TelemetryConfig {
            function: Some("auth-dev-verify".to_owned()),
            stage: Stage::Dev,
            success_sample: 0,
        };
        log(status).line(&config, "auth-dev-verify", counted, is_told).into_value()
    }

    #[test]
    fn a_success_outside_of_the_sample_leaves_its_metrics_alone() {
        let short = line(200, &[], false);
        let metrics = json!([{ "Name": "duration", "Unit": "Milliseconds" }]);
        assert_eq!(
            short,
            json!({
                "stage": "dev", "function": "auth-dev-verify", "duration": 12.35,
                "_aws": { "Timestamp": 1000, "CloudWatchMetrics": [{
                    "Namespace": "AuthService", "Dimensions": [["stage"], ["function"]],
                    "Metrics": metrics,
                }]},
            })
        );
        assert!(short.to_string().len() < 260, "{}", short.to_string().len());
        let told = line(200, &[], true);
        assert_eq!(told["route"], "/auth/v1/health");
        assert!(told.get("code").is_none());
    }

    #[test]
    fn failures_and_counts_are_metrics_where_there_are_any() {
        let failed = line(503, &[("auth_codes_failed_total", 2)], true);
        assert_eq!((&failed["server_errors"], &failed["unavailable"]), (&json!(1), &json!(1)));
        assert!(failed.get("throttled").is_none());
        assert_eq!(failed["auth_codes_failed_total"], 2);
        let counted = &failed["_aws"]["CloudWatchMetrics"][1];
        assert_eq!(counted["Dimensions"], json!([["stage"]]));
        let throttled = line(429, &[], true);
        assert_eq!(throttled["throttled"], 1);
        assert!(throttled.get("server_errors").is_none());
    }

    #[test]
    fn a_sample_of_all_is_all_and_of_none_is_none() {
        let config =
            |success_sample| TelemetryConfig { function: None, stage: Stage::Prod, success_sample };
        assert!((0..50).all(|_| is_sampled(&config(100), Rng)));
        assert!((0..50).all(|_| !is_sampled(&config(0), Rng)));
    }
}
