//! The embedded metric format, as its public specification has it.

use serde_json::Value;
use shared::config::{Stage, TelemetryConfig};
use shared::telemetry::emf;

/// The units that CloudWatch knows, of which we have use.
const UNITS: [&str; 7] =
    ["Seconds", "Microseconds", "Milliseconds", "Bytes", "Percent", "Count", "None"];

/// Fails where CloudWatch would not read the metrics of a line.
pub fn check(line: &Value) {
    let metadata = line["_aws"].as_object().expect("metadata");
    assert!(line["_aws"]["Timestamp"].is_u64(), "milliseconds since 1970: {line}");
    let directives = metadata["CloudWatchMetrics"].as_array().expect("directives");
    for directive in directives {
        let namespace = directive["Namespace"].as_str().expect("a namespace");
        assert!((1..=1024).contains(&namespace.len()), "{line}");
        let sets = directive["Dimensions"].as_array().expect("sets of dimensions");
        assert!(!sets.is_empty(), "{line}");
        for set in sets {
            let names = set.as_array().expect("a set of dimensions");
            assert!(names.len() <= 30, "{line}");
            for name in names {
                let name = name.as_str().expect("a dimension");
                let value = line[name].as_str().unwrap_or_else(|| panic!("{name} in {line}"));
                assert!((1..=1024).contains(&value.len()), "{name} in {line}");
            }
        }
        let metrics = directive["Metrics"].as_array().expect("metrics");
        assert!((1..=100).contains(&metrics.len()), "{line}");
        for metric in metrics {
            let name = metric["Name"].as_str().expect("a name");
            assert!(line[name].is_number(), "{name} is named and not there: {line}");
            let unit = metric["Unit"].as_str().expect("a unit");
            assert!(UNITS.contains(&unit), "{unit} in {line}");
        }
    }
    assert!(line.to_string().len() <= 256 * 1024, "one event of CloudWatch Logs");
}

#[test]
fn gauges_of_the_fleet_are_metrics_of_the_stage() {
    let mut config = TelemetryConfig {
        function: Some("auth-dev-relay".to_owned()),
        stage: Stage::Dev,
        success_sample: 100,
    };
    let at = domain::time::Timestamp::from_millis(1_700_000_000_000);
    let gauges = [("auth_outbox_age_seconds", 7), ("auth_key_devices_empty", 3)];
    let line = emf::gauges(&config, &gauges, at).expect("a line");
    check(&line);
    assert_eq!(line["auth_outbox_age_seconds"], 7);
    assert!(line.get("auth_key_devices_empty").is_none(), "nothing shows it");
    assert_eq!(emf::gauges(&config, &gauges[1..], at), None);
    config.function = None;
    assert_eq!(emf::gauges(&config, &gauges, at), None, "not in Lambda");
}
