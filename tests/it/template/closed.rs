//! What the public does not reach.

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
