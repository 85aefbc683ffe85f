//! Logs and metrics. Logs are JSON lines; each request leaves one, which in Lambda is
//! CloudWatch EMF at the same time. Metrics are counters of the whole fleet: each process
//! adds up its own and hands them to Redis with some later request's round trip.

use domain::time::Timestamp;
use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// How long counters stay in a process before they travel.
const FLUSH_EVERY: Duration = Duration::from_secs(5);
/// Upper bounds of the latency histogram, in milliseconds.
const BUCKETS: [u32; 8] = [5, 10, 25, 50, 100, 250, 1000, 5000];
const NAMESPACE: &str = "AuthService";

/// Starts JSON logging to `writer`; `LOG_LEVEL` chooses (default `info`). Later calls do
/// nothing, so that tests may all call it.
pub fn init<W>(writer: W)
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let _ = tracing::subscriber::set_global_default(subscriber(writer));
}

/// JSON lines, each with the fields of its request's span.
pub fn subscriber<W>(writer: W) -> impl tracing::Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let level = std::env::var("LOG_LEVEL").unwrap_or_else(|_| "info".to_owned());
    let filter = EnvFilter::try_new(level).unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_env_filter(filter)
        .with_writer(writer)
        .finish()
}

/// One answered request, as log and metrics tell it. The route is the template, never the
/// path, which may hold a capability.
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
    /// Leaves the request's line.
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

/// An error with everything that caused it, for the log. Errors of this service's own types
/// hold no value that a client sent.
pub struct ErrorChain<'a>(pub &'a dyn std::error::Error);

impl fmt::Display for ErrorChain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

/// Counters of this process that Redis has not got yet.
#[derive(Debug, Default)]
pub struct Metrics {
    pending: Mutex<Pending>,
}

#[derive(Debug, Default)]
struct Pending {
    /// By their Prometheus series.
    counters: HashMap<String, i64>,
    /// By route: their series are written when they travel, not with every request.
    routes: HashMap<String, Requests>,
    flushed_at: Option<Timestamp>,
}

/// The requests that a route has answered.
#[derive(Debug, Default)]
struct Requests {
    by_answer: HashMap<(&'static str, u16), i64>,
    /// No longer than each bound.
    within: [i64; BUCKETS.len()],
    count: i64,
    micros: i64,
}

impl Requests {
    fn series(&self, route: &str, add: &mut impl FnMut(String, i64)) {
        for ((method, status), count) in &self.by_answer {
            let labels = format!(r#"method="{method}",route="{route}",status="{status}""#);
            add(format!("auth_http_requests_total{{{labels}}}"), *count);
        }
        let name = "auth_http_request_duration_seconds";
        // An empty bucket is told too: readers expect all of them, or none.
        for (limit, count) in BUCKETS.into_iter().zip(self.within) {
            let le = f64::from(limit) / 1000.0;
            add(format!(r#"{name}_bucket{{route="{route}",le="{le}"}}"#), count);
        }
        add(format!(r#"{name}_bucket{{route="{route}",le="+Inf"}}"#), self.count);
        add(format!(r#"{name}_count{{route="{route}"}}"#), self.count);
        // Redis adds whole numbers: kept in microseconds, told in seconds.
        add(format!(r#"{name}_sum{{route="{route}"}}"#), self.micros);
    }
}

impl Pending {
    fn add(&mut self, series: String, by: i64) {
        *self.counters.entry(series).or_default() += by;
    }

    fn drain(&mut self) -> Vec<(String, i64)> {
        for (route, requests) in std::mem::take(&mut self.routes) {
            requests.series(&route, &mut |series, by| self.add(series, by));
        }
        self.counters.drain().collect()
    }
}

impl Metrics {
    fn pending(&self) -> std::sync::MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts one event of a named kind.
    pub fn count(&self, series: &str) {
        self.pending().add(series.to_owned(), 1);
    }

    /// Counts a request and its latency.
    pub fn request(&self, answered: &RequestLog<'_>) {
        let micros = i64::try_from(answered.elapsed.as_micros()).unwrap_or(i64::MAX);
        let mut pending = self.pending();
        let routes = &mut pending.routes;
        let requests = match routes.get_mut(answered.route) {
            Some(requests) => requests,
            None => routes.entry(answered.route.to_owned()).or_default(),
        };
        *requests.by_answer.entry((answered.method, answered.status)).or_default() += 1;
        for (limit, within) in BUCKETS.into_iter().zip(&mut requests.within) {
            *within += i64::from(micros <= i64::from(limit) * 1000);
        }
        requests.count += 1;
        requests.micros = requests.micros.saturating_add(micros);
    }

    /// What should travel with the request at `now`: nothing, or all that has gathered.
    pub(crate) fn take_due(&self, now: Timestamp) -> Vec<(String, i64)> {
        let mut pending = self.pending();
        match pending.flushed_at {
            Some(flushed) if now < flushed + FLUSH_EVERY => return Vec::new(),
            _ => pending.flushed_at = Some(now),
        }
        pending.drain()
    }

    pub(crate) fn take_all(&self) -> Vec<(String, i64)> {
        self.pending().drain()
    }

    /// The flush failed: what it held waits for the next.
    pub(crate) fn put_back(&self, flushed: Vec<(String, i64)>) {
        let mut pending = self.pending();
        for (series, by) in flushed {
            pending.add(series, by);
        }
    }
}

/// The counters in the Prometheus text format: family by family, and within a histogram
/// route by route, its buckets by their bounds.
#[must_use]
pub fn render(counters: &[(String, i64)]) -> String {
    let mut lines: Vec<_> =
        counters.iter().map(|(series, value)| (Series::of(series), value)).collect();
    lines.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut text = String::new();
    let mut last = "";
    for (series, value) in lines {
        let Series { family, part, text: name, .. } = series;
        if family != last {
            let kind = match part {
                Part::Value if family.ends_with("_total") => "counter",
                Part::Value => "gauge",
                Part::Bucket(_) | Part::Sum | Part::Count => "histogram",
            };
            let _ = writeln!(text, "# TYPE {family} {kind}");
            last = family;
        }
        if part == Part::Sum {
            #[expect(clippy::cast_precision_loss, reason = "a sum of latencies, for people")]
            let seconds = *value as f64 / 1e6;
            let _ = writeln!(text, "{name} {seconds}");
        } else {
            let _ = writeln!(text, "{name} {value}");
        }
    }
    text
}

/// A series, taken apart for its place in the text, which the order of the fields is.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Series<'a> {
    family: &'a str,
    labels: &'a str,
    part: Part,
    text: &'a str,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    /// Of a counter, whose name ends in `_total`, or of a gauge.
    Value,
    /// With its bound in microseconds.
    Bucket(u64),
    Sum,
    Count,
}

impl<'a> Series<'a> {
    fn of(text: &'a str) -> Self {
        let (name, labels) = text.split_once('{').unwrap_or((text, ""));
        let of = |suffix| name.strip_suffix(suffix).filter(|family| family.ends_with("_seconds"));
        if let Some(family) = of("_bucket") {
            let (labels, bound) = labels.rsplit_once(",le=").unwrap_or((labels, ""));
            return Self { family, labels, part: Part::Bucket(micros(bound)), text };
        }
        let labels = labels.trim_end_matches('}');
        match (of("_sum"), of("_count")) {
            (Some(family), _) => Self { family, labels, part: Part::Sum, text },
            (_, Some(family)) => Self { family, labels, part: Part::Count, text },
            (None, None) => Self { family: name, labels, part: Part::Value, text },
        }
    }
}

/// A bound as it stands in a label, `"0.05"}`; `+Inf` comes after all others.
fn micros(bound: &str) -> u64 {
    let seconds: f64 = bound.trim_matches(['"', '}']).parse().unwrap_or(f64::INFINITY);
    Duration::try_from_secs_f64(seconds)
        .ok()
        .and_then(|bound| u64::try_from(bound.as_micros()).ok())
        .unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

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
