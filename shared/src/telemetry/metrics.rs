//! Counters of the whole fleet: each process adds up its own, and hands them to Redis with a
//! later request's round trip.

use domain::time::Timestamp;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::emf;
use super::request_log::{InvocationLog, RequestLog};

/// How long counters stay in a process before they are sent.
const FLUSH_EVERY: Duration = Duration::from_secs(5);
/// Upper bounds of the latency histogram, in milliseconds.
const BUCKETS: [u32; 8] = [5, 10, 25, 50, 100, 250, 1000, 5000];

/// Counters of this process that Redis or CloudWatch has not got yet.
#[derive(Debug, Default)]
pub struct Metrics {
    pending: Mutex<Pending>,
    /// Without `/metrics`, nobody reads what Redis would get. CloudWatch gets its own in any case.
    skips_redis: bool,
}

#[derive(Debug, Default)]
struct Pending {
    /// By their Prometheus series.
    counters: HashMap<String, i64>,
    /// By route: their series are written when they travel, not with every request.
    routes: HashMap<String, Requests>,
    flushed_at: Option<Timestamp>,
    /// Those of [`emf::COUNTERS`] since the last log line.
    embedded: HashMap<&'static str, i64>,
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
        // Empty buckets are included: readers expect all of them, or none.
        for (limit, count) in BUCKETS.into_iter().zip(self.within) {
            let le = f64::from(limit) / 1000.0;
            add(format!(r#"{name}_bucket{{route="{route}",le="{le}"}}"#), count);
        }
        add(format!(r#"{name}_bucket{{route="{route}",le="+Inf"}}"#), self.count);
        add(format!(r#"{name}_count{{route="{route}"}}"#), self.count);
        // Redis adds whole numbers: stored in microseconds, shown in seconds.
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
    /// Counters that Redis gets only if `/metrics` is served.
    #[must_use]
    pub fn new(is_served: bool) -> Self {
        Self { skips_redis: !is_served, ..Self::default() }
    }

    fn pending(&self) -> std::sync::MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts one event of a named kind.
    pub fn count(&self, series: &str) {
        self.count_many(series, 1);
    }

    /// Counts so many at once. None is no event: it makes no series.
    pub fn count_many(&self, series: &str, events: usize) {
        if events == 0 {
            return;
        }
        let events = i64::try_from(events).unwrap_or(i64::MAX);
        let name = series.split('{').next().unwrap_or_default();
        let embedded = emf::COUNTERS.iter().find(|counter| **counter == name);
        let mut pending = self.pending();
        if let Some(counter) = embedded {
            *pending.embedded.entry(counter).or_default() += events;
        }
        if !self.skips_redis {
            pending.add(series.to_owned(), events);
        }
    }

    /// What the next log line should carry: counters of [`emf::COUNTERS`] since the last one.
    pub(crate) fn take_embedded(&self) -> Vec<(&'static str, i64)> {
        self.pending().embedded.drain().collect()
    }

    /// Counts a request and its latency.
    pub fn request(&self, answered: &RequestLog<'_>) {
        if self.skips_redis {
            return;
        }
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

    /// Counts an invocation of a function whose events are of its own.
    pub(crate) fn invocation(&self, function: &str, log: &InvocationLog<'_>) {
        let outcome = log.outcome();
        self.count(&format!(
            r#"auth_invocations_total{{function="{function}",outcome="{outcome}"}}"#
        ));
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
