//! Each metric that an alarm or the dashboard names is one that the code leaves in log lines, with
//! these dimensions.

use serde_json::{Map, Value};
use shared::telemetry::emf::{COUNTERS, GAUGES, NAMESPACE};
use std::collections::BTreeSet;

use super::document::{functions, objects, resources_of, template};
use crate::sources::{files_below, text};

/// What every request leaves, for its stage and for its function.
const OF_REQUESTS: [&str; 4] = ["duration", "server_errors", "throttled", "unavailable"];

/// A metric and the name of its one dimension.
type Metric = (String, String);

fn of_alarms(template: &Value) -> BTreeSet<Metric> {
    let mut found = BTreeSet::new();
    for (_, alarm) in resources_of(template, "AWS::CloudWatch::Alarm") {
        for one in objects(&alarm) {
            if one.get("Namespace").is_some_and(|namespace| namespace == NAMESPACE) {
                found.insert((text_of(one, "MetricName"), dimension(&one["Dimensions"])));
            }
        }
    }
    found
}

fn of_dashboard(template: &Value) -> BTreeSet<Metric> {
    let mut found = BTreeSet::new();
    for (_, dashboard) in resources_of(template, "AWS::CloudWatch::Dashboard") {
        let body = dashboard["DashboardBody"]["Fn::Sub"].as_str().expect("a text");
        let body: Value = serde_json::from_str(body).expect("JSON");
        for widget in body["widgets"].as_array().expect("widgets") {
            for metric in widget["properties"]["metrics"].as_array().expect("metrics") {
                if metric[0] == NAMESPACE {
                    let name = |n: usize| metric[n].as_str().expect("a name").to_owned();
                    found.insert((name(1), name(2)));
                }
            }
        }
    }
    found
}

fn text_of(object: &Map<String, Value>, name: &str) -> String {
    object[name].as_str().expect(name).to_owned()
}

fn dimension(dimensions: &Value) -> String {
    let [one] = dimensions.as_array().expect("dimensions").as_slice() else {
        panic!("not one dimension: {dimensions}")
    };
    one["Name"].as_str().expect("a name").to_owned()
}

#[test]
fn alarms_and_the_dashboard_name_metrics_that_there_are() {
    let template = template();
    let (alarms, dashboard) = (of_alarms(&template), of_dashboard(&template));
    assert!(alarms.len() > 10 && dashboard.len() > 10);
    for (metric, dimension) in alarms.union(&dashboard) {
        let is_emitted = match dimension.as_str() {
            "stage" => [&OF_REQUESTS[..], &COUNTERS, &GAUGES].concat().contains(&metric.as_str()),
            "function" => OF_REQUESTS.contains(&metric.as_str()),
            _ => false,
        };
        assert!(is_emitted, "nothing leaves {metric} by {dimension}");
    }
}

/// A name that nobody has, as of a misspelt function, is a metric that never comes.
#[test]
fn alarms_look_at_functions_and_at_the_stage_that_there_are() {
    let template = template();
    let names: BTreeSet<String> = functions(&template).into_iter().map(|one| one.name).collect();
    let mut seen = 0;
    for (alarm, properties) in resources_of(&template, "AWS::CloudWatch::Alarm") {
        for one in objects(&properties) {
            let Some(dimensions) = one.get("Dimensions").and_then(Value::as_array) else {
                continue;
            };
            for dimension in dimensions {
                let value = &dimension["Value"];
                let of_stack = value["Fn::Sub"].as_str().unwrap_or_default();
                let is_there = match dimension["Name"].as_str().expect("a name") {
                    "stage" => value["Ref"] == "Stage",
                    "function" | "FunctionName" => of_stack
                        .strip_prefix("${AWS::StackName}-")
                        .is_some_and(|name| names.contains(name)),
                    // References, which the template itself resolves.
                    _ => value.is_object(),
                };
                assert!(is_there, "{alarm}: {dimension}");
                seen += 1;
            }
        }
    }
    assert!(seen > 30, "{seen}");
}

/// Each metric costs by the month: one that nobody sees is not worth it.
#[test]
fn what_is_a_metric_of_cloudwatch_stands_on_the_dashboard() {
    let shown = of_dashboard(&template());
    let shown: BTreeSet<&str> = shown.iter().map(|(metric, _)| metric.as_str()).collect();
    let all = OF_REQUESTS.iter().chain(&COUNTERS).chain(&GAUGES);
    let hidden: Vec<&&str> = all.filter(|metric| !shown.contains(**metric)).collect();
    assert!(hidden.is_empty(), "nothing shows {hidden:?}");
}

#[test]
fn what_is_a_metric_of_cloudwatch_is_counted_somewhere() {
    let mut source = String::new();
    for folder in ["shared", "functions"] {
        let files = files_below(folder, ".rs");
        for file in files.iter().filter(|file| !file.ends_with("telemetry/emf.rs")) {
            source.push_str(&text(file));
        }
    }
    for metric in COUNTERS.iter().chain(&GAUGES) {
        let quoted = [format!("\"{metric}\""), format!("\"{metric}{{")];
        assert!(quoted.iter().any(|name| source.contains(name)), "nothing counts {metric}");
    }
}

#[test]
fn every_alarm_says_what_it_means_and_tells_somebody() {
    let alarms = resources_of(&template(), "AWS::CloudWatch::Alarm");
    assert!(alarms.len() > 15);
    for (name, alarm) in alarms {
        let own = format!("${{AWS::StackName}}-{name}");
        assert_eq!(alarm["AlarmName"]["Fn::Sub"], own.as_str());
        assert!(alarm["AlarmDescription"].as_str().is_some_and(|text| text.len() > 20), "{name}");
        for tells in ["AlarmActions", "OKActions"] {
            assert_eq!(alarm[tells]["Fn::If"][0], "HasAlarmTopic", "{name}");
        }
        assert!(alarm["TreatMissingData"].is_string(), "{name}");
        let metrics = alarm["Metrics"].as_array().map_or(1, |all| all.len() - 1);
        assert!(metrics <= 10, "{name}: CloudWatch takes 10 metrics");
    }
}

/// The alarms that stop a deployment.
fn stops(template: &Value) -> Vec<&str> {
    let preference = &template["Globals"]["Function"]["DeploymentPreference"];
    let stops = preference["Alarms"]["Fn::If"][1].as_array().expect("alarms");
    stops.iter().map(|stop| stop["Ref"].as_str().expect("an alarm")).collect()
}

#[test]
fn a_deployment_is_stopped_by_alarms_that_do_not_wait_for_the_api() {
    let template = template();
    let preference = &template["Globals"]["Function"]["DeploymentPreference"];
    // While one of them is in alarm, only a deployment without them can repair its cause.
    let choice = preference["Alarms"]["Fn::If"].as_array().expect("a choice");
    assert_eq!(choice[0], "DeploymentsHeedAlarms");
    assert_eq!(choice[2], serde_json::json!([{ "Ref": "AWS::NoValue" }]));
    assert_eq!(template["Parameters"]["DeploymentAlarms"]["Default"], "true");
    let stops = stops(&template);
    assert!(stops.len() >= 2);
    for name in stops {
        let alarm = &template["Resources"][name];
        assert_eq!(alarm["Type"], "AWS::CloudWatch::Alarm", "{name}");
        // Functions refer to their deployment, it to these, and the API to the functions.
        for one in objects(alarm) {
            let refers = one.get("Ref").and_then(Value::as_str).unwrap_or_default();
            assert!(refers != "Api" && !refers.ends_with("Function"), "{name} refers to {refers}");
        }
    }
}

/// An alarm that does not look at a function lets any new version of it pass.
#[test]
fn every_canary_is_stopped_by_errors_of_its_own_function() {
    let template = template();
    let alarms: String =
        stops(&template).into_iter().map(|name| template["Resources"][name].to_string()).collect();
    let mut canaries = 0;
    for (name, function) in resources_of(&template, "AWS::Serverless::Function") {
        if function["DeploymentPreference"]["Enabled"] != false {
            let own = function["FunctionName"]["Fn::Sub"].as_str().expect("a name");
            assert!(alarms.contains(&format!("\"{own}\"")), "no stop looks at {name}");
            canaries += 1;
        }
    }
    assert!(canaries >= 10, "{canaries}");
}

#[test]
fn an_alarm_watches_the_errors_of_every_function() {
    let template = template();
    let mut watched = BTreeSet::new();
    for (_, alarm) in resources_of(&template, "AWS::CloudWatch::Alarm") {
        for one in objects(&alarm) {
            if one.get("MetricName").is_some_and(|name| name == "Errors") {
                let name = one["Dimensions"][0]["Value"]["Fn::Sub"].as_str().expect("a name");
                watched.insert(name.strip_prefix("${AWS::StackName}-").unwrap().to_owned());
            }
        }
    }
    let all: BTreeSet<String> = functions(&template).into_iter().map(|one| one.name).collect();
    assert_eq!(watched, all);
}

#[test]
fn a_small_service_that_loses_its_stores_is_seen() {
    let template = template();
    let expression = |name: &str| {
        let metrics = &template["Resources"][name]["Properties"]["Metrics"];
        metrics[0]["Expression"].as_str().expect(name).to_owned()
    };
    // Five failures within five minutes are enough, and at a request an hour, half of them.
    assert!(expression("ServerErrors").contains("failures, 0) >= 5"));
    let slow = &template["Resources"]["MostRequestsFail"]["Properties"];
    assert_eq!((&slow["EvaluationPeriods"], &slow["DatapointsToAlarm"]), (&4.into(), &2.into()));
    assert!(!expression("MostRequestsFail").contains("IF("), "no floor");
}
