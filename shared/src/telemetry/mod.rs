//! Logs and metrics.
//!
//! | file | what it is |
//! |---|---|
//! | [`emf`] | metrics for CloudWatch in log lines |
//! | `logging` | JSON lines; the error chain |
//! | `request_log` | the one line of each request or invocation, in Lambda as CloudWatch EMF |
//! | `metrics` | counters of this process, on their way to Redis |
//! | `prometheus` | the fleet's counters as text |

pub mod emf;
mod logging;
mod metrics;
mod prometheus;
mod request_log;

pub use logging::{ErrorChain, init, subscriber};
pub use metrics::Metrics;
pub use prometheus::render;
pub use request_log::{InvocationLog, RequestLog};

#[cfg(test)]
mod tests {
    use super::*;
    use domain::time::Timestamp;
    use std::time::Duration;

    fn answered(millis: u64) -> RequestLog<'static> {
        RequestLog {
            request_id: "r",
            operation: None,
            method: "GET",
            route: "/auth/v1/health",
            status: 200,
            code: None,
            elapsed: Duration::from_millis(millis),
            at: Timestamp::from_millis(0),
        }
    }

    #[test]
    fn counters_travel_once_and_not_too_often() {
        let metrics = Metrics::default();
        metrics.count("auth_x_total");
        let now = Timestamp::from_millis(1_000_000);
        assert_eq!(metrics.take_due(now), [("auth_x_total".to_owned(), 1)]);
        metrics.count("auth_x_total");
        assert_eq!(metrics.take_due(now + Duration::from_secs(4)), []);
        let flushed = metrics.take_due(now + Duration::from_secs(5));
        metrics.put_back(flushed);
        metrics.count("auth_x_total");
        assert_eq!(metrics.take_all(), [("auth_x_total".to_owned(), 2)]);
    }

    #[test]
    fn the_text_is_prometheus() {
        let metrics = Metrics::default();
        metrics.request(&answered(7));
        metrics.request(&answered(70));
        let text = render(&metrics.take_all());
        for line in [
            "# TYPE auth_http_request_duration_seconds histogram",
            r#"auth_http_request_duration_seconds_bucket{route="/auth/v1/health",le="0.01"} 1"#,
            r#"auth_http_request_duration_seconds_bucket{route="/auth/v1/health",le="0.1"} 2"#,
            r#"auth_http_request_duration_seconds_bucket{route="/auth/v1/health",le="+Inf"} 2"#,
            r#"auth_http_request_duration_seconds_sum{route="/auth/v1/health"} 0.077"#,
            "# TYPE auth_http_requests_total counter",
            r#"auth_http_requests_total{method="GET",route="/auth/v1/health",status="200"} 2"#,
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is missing in\n{text}");
        }
        assert_eq!(text.matches("# TYPE").count(), 2);
    }

    #[test]
    fn buckets_go_up_route_by_route_and_end_in_infinity() {
        let metrics = Metrics::default();
        metrics.request(&answered(7));
        metrics.request(&RequestLog { route: "/auth/v1/health/live", ..answered(70_000) });
        let text = render(&metrics.take_all());
        let parts: Vec<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix("auth_http_request_duration_seconds_"))
            .collect();
        let of = |route: &str, counts: [u8; 9], sum: &str| {
            let bounds = ["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "1", "5", "+Inf"];
            let mut lines: Vec<String> = bounds
                .iter()
                .zip(counts)
                .map(|(le, n)| format!(r#"bucket{{route="{route}",le="{le}"}} {n}"#))
                .collect();
            lines.push(format!(r#"sum{{route="{route}"}} {sum}"#));
            lines.push(format!(r#"count{{route="{route}"}} 1"#));
            lines
        };
        let first = of("/auth/v1/health", [0, 1, 1, 1, 1, 1, 1, 1, 1], "0.007");
        let second = of("/auth/v1/health/live", [0, 0, 0, 0, 0, 0, 0, 0, 1], "70");
        assert_eq!(parts, [first, second].concat());
    }

    #[test]
    fn a_family_stands_together_whatever_its_neighbours_are_called() {
        let counters =
            ["auth_sms_total", "auth_sms_failed_total", r#"auth_sms_total{to="fr"}"#, "auth_sms"];
        let text = render(&counters.map(|series| (series.to_owned(), 1)));
        assert_eq!(
            text,
            "# TYPE auth_sms gauge\nauth_sms 1\n\
             # TYPE auth_sms_failed_total counter\nauth_sms_failed_total 1\n\
             # TYPE auth_sms_total counter\nauth_sms_total 1\nauth_sms_total{to=\"fr\"} 1\n"
        );
    }
}
