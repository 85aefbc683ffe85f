//! What the public does not reach.

use serde_json::Value;

use super::document::{functions, objects, template, template_routes, template_variables};

/// Functions that other services, schedules and AWS itself invoke.
const NOT_OF_THE_API: [&str; 6] =
    ["authorizer", "internal", "maintenance", "migrate", "relay", "rotate-keys"];

#[test]
fn only_the_functions_of_the_api_have_routes_and_no_function_has_an_address_of_its_own() {
    let routes = template_routes();
    for function in functions(&template()) {
        let has_routes = routes.get(&function.name).is_some_and(|routes| !routes.is_empty());
        assert_ne!(
            has_routes,
            NOT_OF_THE_API.contains(&function.name.as_str()),
            "{}",
            function.name
        );
        assert!(function.properties.get("FunctionUrlConfig").is_none(), "{}", function.name);
    }
}

#[test]
fn metrics_and_documentation_are_closed_unless_settings_open_them() {
    let given = template_variables("platform");
    for variable in ["METRICS_TOKEN", "METRICS_TOKEN_SECRET_ID", "DOCS"] {
        assert!(!given.contains(variable), "{variable}");
    }
}

#[test]
fn no_secret_stands_in_the_template() {
    let template = template();
    let text = template.to_string();
    assert!(!text.contains("{{resolve:"), "CloudFormation would copy it into the environment");
    let names = shared::secrets::SecretName::ALL.map(shared::secrets::SecretName::variable);
    for variables in objects(&template).into_iter().filter_map(|one| one.get("Variables")) {
        for (name, value) in variables.as_object().expect("variables") {
            assert!(!names.contains(&name.as_str()) || value == "", "{name} is a secret");
        }
    }
}

/// The texts that a value may have, by whatever conditions hold.
fn alternatives(value: &Value) -> Vec<&str> {
    if let Some(branches) = value["Fn::If"].as_array() {
        return branches[1..].iter().flat_map(alternatives).collect();
    }
    if value["Ref"] == "AWS::NoValue" {
        return Vec::new();
    }
    let text = value["Fn::Sub"].as_str().or_else(|| value.as_str());
    vec![text.unwrap_or_else(|| panic!("{value} is no name of a secret"))]
}

/// Who forgets the stage, or deploys two, must not reach the keys of another one.
#[test]
fn no_stage_is_the_default_and_every_secret_is_of_the_stage() {
    let template = template();
    let stage = template["Parameters"]["Stage"].as_object().expect("the stage");
    assert!(!stage.contains_key("Default"), "a stage by default");
    let mut seen = 0;
    for variables in objects(&template).into_iter().filter_map(|one| one.get("Variables")) {
        for (name, value) in variables.as_object().expect("variables") {
            if !name.ends_with("_SECRET_ID") {
                continue;
            }
            for id in alternatives(value) {
                assert!(id.starts_with("auth/${Stage}/"), "{name} is {id}");
                seen += 1;
            }
        }
    }
    assert!(seen > 20, "only {seen} names of secrets were found");
}

#[test]
fn schedules_are_the_hourly_relay_and_the_daily_maintenance() {
    let mut found = Vec::new();
    for function in functions(&template()) {
        for event in objects(&function.properties["Events"]) {
            if event.get("Type").is_some_and(|kind| kind == "Schedule") {
                let rate = event["Properties"]["Schedule"].as_str().unwrap().to_owned();
                found.push((function.name.clone(), rate));
            }
        }
    }
    found.sort();
    let expected = [("maintenance", "rate(1 day)"), ("relay", "rate(1 hour)")];
    assert_eq!(found, expected.map(|(name, rate)| (name.to_owned(), rate.to_owned())));
}

#[test]
fn every_function_waits_for_the_migration() {
    let template = template();
    for function in functions(&template) {
        let waits = &template["Resources"][&function.id]["DependsOn"];
        let expected = if function.name == "migrate" { "null" } else { "\"Migration\"" };
        assert_eq!(waits.to_string(), expected, "{}", function.name);
    }
}
