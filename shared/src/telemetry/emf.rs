//! Metrics for CloudWatch, embedded in log lines (embedded metric format). CloudWatch reads them
//! out of the lines of Lambda, so that a function needs no right and no call for them.

use domain::time::Timestamp;
use serde_json::{Map, Value, json};

use crate::config::TelemetryConfig;

pub const NAMESPACE: &str = "AuthService";

/// Counters that are metrics of CloudWatch too: what alarms and the dashboard show. Each costs by
/// the month, so that all others stay in `/metrics`.
pub const COUNTERS: [&str; 13] = [
    "auth_audit_conflicts_total",
    "auth_codes_confirmed_total",
    "auth_codes_failed_total",
    "auth_codes_sent_total",
    "auth_logins_total",
    "auth_notices_failed_total",
    "auth_outbox_dead_letters_total",
    "auth_outbox_failures_total",
    "auth_redis_evicting_total",
    "auth_refresh_reused_total",
    "auth_registrations_total",
    "auth_secret_refresh_failures_total",
    "auth_sms_breaker_trips_total",
];

/// Gauges of the whole service that are metrics of CloudWatch too.
pub const GAUGES: [&str; 4] = [
    "auth_key_devices",
    "auth_key_devices_low",
    "auth_outbox_age_seconds",
    "auth_outbox_dead_letters",
];

/// How metrics are told apart: by the stage alone, or also by the function.
#[derive(Clone, Copy)]
pub(super) enum Dimensions {
    Stage,
    Function,
    StageAndFunction,
}

/// One metric of a line.
pub(super) type Metric<'a> = (&'a str, Value);

/// A log line with metrics.
pub(super) struct Line {
    at: Timestamp,
    directives: Vec<Value>,
    values: Map<String, Value>,
}

impl Line {
    pub(super) fn new(at: Timestamp, config: &TelemetryConfig, function: &str) -> Self {
        let mut values = Map::new();
        values.insert("stage".to_owned(), json!(config.stage.name()));
        values.insert("function".to_owned(), json!(function));
        Self { at, directives: Vec::new(), values }
    }

    /// Adds metrics; none add nothing.
    pub(super) fn metrics(&mut self, dimensions: Dimensions, metrics: &[Metric<'_>]) {
        if metrics.is_empty() {
            return;
        }
        let dimensions: &[&[&str]] = match dimensions {
            Dimensions::Stage => &[&["stage"]],
            Dimensions::Function => &[&["function"]],
            Dimensions::StageAndFunction => &[&["stage"], &["function"]],
        };
        let names: Vec<Value> =
            metrics.iter().map(|(name, _)| json!({ "Name": name, "Unit": unit(name) })).collect();
        self.directives
            .push(json!({ "Namespace": NAMESPACE, "Dimensions": dimensions, "Metrics": names }));
        for (name, value) in metrics {
            self.values.insert((*name).to_owned(), value.clone());
        }
    }

    /// Adds what people read.
    pub(super) fn fields(&mut self, fields: Value) {
        if let Value::Object(fields) = fields {
            self.values.extend(fields.into_iter().filter(|(_, value)| !value.is_null()));
        }
    }

    pub(super) fn into_value(mut self) -> Value {
        let directives =
            json!({ "Timestamp": self.at.millis(), "CloudWatchMetrics": self.directives });
        self.values.insert("_aws".to_owned(), directives);
        Value::Object(self.values)
    }

    pub(super) fn write(self) {
        println!("{}", self.into_value());
    }
}

fn unit(metric: &str) -> &'static str {
    match metric {
        "duration" => "Milliseconds",
        "auth_outbox_age_seconds" => "Seconds",
        _ => "Count",
    }
}

/// Writes the gauges that CloudWatch shows, if this process is a function of Lambda.
pub(crate) fn write_gauges(config: &TelemetryConfig, gauges: &[(&str, i64)], at: Timestamp) {
    if let Some(line) = self::gauges(config, gauges, at) {
        println!("{line}");
    }
}

/// The line of these gauges; `None` if nothing of them is shown, or nobody reads it.
#[must_use]
pub fn gauges(config: &TelemetryConfig, gauges: &[(&str, i64)], at: Timestamp) -> Option<Value> {
    let function = config.function.as_deref()?;
    let shown: Vec<Metric<'_>> = gauges
        .iter()
        .filter(|(name, _)| GAUGES.contains(name))
        .map(|(name, value)| (*name, json!(value)))
        .collect();
    if shown.is_empty() {
        return None;
    }
    let mut line = Line::new(at, config, function);
    line.metrics(Dimensions::Stage, &shown);
    Some(line.into_value())
}
