//! The counters in the Prometheus text format.

use std::fmt::Write as _;
use std::time::Duration;

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
