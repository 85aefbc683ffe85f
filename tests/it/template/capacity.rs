//! Connections at worst: every sandbox holds one, and during a deployment those of both releases do.

use serde_json::Value;

use super::document::{functions, template, with_condition};

/// Left for people, for monitoring and for what Postgres keeps for its superuser.
const RESERVE: u64 = 10;

/// The reserved sandboxes of a function.
fn reserved(template: &Value, properties: &Value, size: &str) -> u64 {
    let globals = &template["Globals"]["Function"];
    let own = properties.get("ReservedConcurrentExecutions");
    let value = own.unwrap_or(&globals["ReservedConcurrentExecutions"]);
    let value = with_condition(value, "HasReservation", true);
    if let Some(number) = value.as_u64() {
        number
    } else {
        let kind = value["Fn::FindInMap"][2].as_str().expect("a column of Sizes");
        template["Mappings"]["Sizes"][size][kind].as_u64().expect(kind)
    }
}

#[test]
fn connections_at_worst_are_fewer_than_the_databases() {
    let template = template();
    for size in ["small", "medium", "large"] {
        let all = functions(&template);
        // It talks to Secrets Manager alone.
        let connected = all.iter().filter(|function| function.name != "rotate-keys");
        let sandboxes: u64 = connected.map(|one| reserved(&template, &one.properties, size)).sum();
        let most = template["Mappings"]["Sizes"][size]["DatabaseConnections"].as_u64().unwrap();
        assert!(2 * sandboxes + RESERVE <= most, "{size}: 2 x {sandboxes} of {most} connections");
        assert!(4 * sandboxes > most, "{size}: {sandboxes} sandboxes use little of {most}");
    }
}

#[test]
fn a_trial_reserves_nothing_and_opens_no_more_than_the_accounts_limit() {
    let template = template();
    for function in functions(&template) {
        let globals = &template["Globals"]["Function"]["ReservedConcurrentExecutions"];
        let own = function.properties.get("ReservedConcurrentExecutions").unwrap_or(globals);
        let without = with_condition(own, "HasReservation", false);
        assert_eq!(without["Ref"], "AWS::NoValue", "{}", function.name);
    }
}
