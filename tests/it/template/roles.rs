//! The role of each function against the calls of the SDK that it links: an action that nobody
//! calls is too much, a call that nobody allows fails.

use local::service::variables_read;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

use super::document::{functions, objects, template, template_variables, texts};
use crate::sources::{files_below, read, text};

/// A call as it stands in the code of the crate `aws`, and the action that it needs. The only list.
const CALLS: [(&str, &str); 18] = [
    (".batch_get_secret_value()", "secretsmanager:BatchGetSecretValue"),
    (".get_secret_value()", "secretsmanager:GetSecretValue"),
    (".put_secret_value()", "secretsmanager:PutSecretValue"),
    (".describe_secret()", "secretsmanager:DescribeSecret"),
    (".update_secret_version_stage()", "secretsmanager:UpdateSecretVersionStage"),
    (".describe_replication_groups()", "elasticache:DescribeReplicationGroups"),
    (".describe_serverless_caches()", "elasticache:DescribeServerlessCaches"),
    (".invoke()", "lambda:InvokeFunction"),
    (".publish()", "sns:Publish"),
    (".send_text_message()", "sms-voice:SendTextMessage"),
    (".put_message_feedback()", "sms-voice:PutMessageFeedback"),
    (".put_item()", "dynamodb:PutItem"),
    (".query()", "dynamodb:Query"),
    (".put_object()", "s3:PutObject"),
    (".sign()", "kms:Sign"),
    (".get_public_key()", "kms:GetPublicKey"),
    // Signed here and sent to the store itself.
    ("\"rds-db\"", "rds-db:connect"),
    ("\"elasticache\"", "elasticache:Connect"),
];

/// How the names of the SDK's calls begin, and those of one word.
const VERBS: [&str; 16] = [
    "batch", "create", "decrypt", "delete", "describe", "encrypt", "get", "invoke", "list",
    "publish", "put", "query", "scan", "send", "sign", "update",
];
const LONE: [&str; 7] = ["decrypt", "encrypt", "invoke", "publish", "query", "scan", "sign"];

/// What the Lambda service does in a function's name.
const OF_LAMBDA: [&str; 11] = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "sqs:SendMessage",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
];

/// Whether what a function is given and reads makes it do what every function links (`Cloud`).
fn is_switched_on(action: &str, variables: &BTreeSet<String>) -> bool {
    let reads = |name: &str| variables.contains(name);
    match action {
        "rds-db:connect" => reads("DB_IAM_AUTH"),
        "elasticache:Connect" => reads("REDIS_IAM_AUTH"),
        "elasticache:DescribeReplicationGroups" => reads("ELASTICACHE_REPLICATION_GROUP_ID"),
        "elasticache:DescribeServerlessCaches" => reads("ELASTICACHE_SERVERLESS_NAME"),
        "lambda:InvokeFunction" => variables.iter().any(|name| name.ends_with("_FUNCTION")),
        "secretsmanager:BatchGetSecretValue" | "secretsmanager:GetSecretValue" => true,
        other => panic!("say here when a function does {other}"),
    }
}

/// The modules of the crate `aws`, with their text.
fn modules() -> BTreeMap<String, String> {
    let mut modules: BTreeMap<String, String> = BTreeMap::new();
    for file in files_below("shared/aws/src", ".rs") {
        let below = file.strip_prefix("shared/aws/src").unwrap().to_string_lossy().into_owned();
        let name = below.split('/').next().unwrap().trim_end_matches(".rs").to_owned();
        modules.entry(name).or_default().push_str(&text(&file));
    }
    modules
}

/// The modules that a text names after `prefix`.
fn named(text: &str, prefix: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for part in text.split(prefix).skip(1) {
        let list = part.strip_prefix('{').and_then(|list| list.split('}').next());
        for name in list.unwrap_or(part).split(',') {
            let end = name.trim().find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            names.insert(name.trim()[..end.unwrap_or(name.trim().len())].to_owned());
        }
    }
    names
}

/// These modules, and what they use themselves.
fn reached(first: BTreeSet<String>, modules: &BTreeMap<String, String>) -> BTreeSet<String> {
    let (mut reached, mut next) = (BTreeSet::new(), first);
    while let Some(name) = next.pop_first() {
        if let Some(text) = modules.get(&name)
            && reached.insert(name)
        {
            next.extend(named(text, "crate::"));
        }
    }
    reached
}

fn actions_in(text: &str) -> BTreeSet<&'static str> {
    let code: String = text.split_whitespace().collect();
    CALLS.iter().filter(|(call, _)| code.contains(call)).map(|(_, action)| *action).collect()
}

fn actions_of(
    names: &BTreeSet<String>,
    modules: &BTreeMap<String, String>,
) -> BTreeSet<&'static str> {
    names.iter().flat_map(|name| actions_in(&modules[name])).collect()
}

/// What a function's code calls.
fn called(
    function: &str,
    variables: &BTreeSet<String>,
    modules: &BTreeMap<String, String>,
) -> BTreeSet<&'static str> {
    let files = files_below(&format!("functions/{function}/src"), ".rs");
    let code: String = files.iter().map(|file| text(file)).collect();
    // Through the crate itself (`aws::load_cloud`) every function has what `Cloud` offers.
    let own = reached(named(&code, "aws::"), modules);
    let cloud = reached(["cloud".to_owned()].into(), modules);
    let own = actions_of(&own.difference(&cloud).cloned().collect(), modules);
    let cloud = actions_of(&cloud, modules).into_iter();
    cloud.filter(|action| is_switched_on(action, variables)).chain(own).collect()
}

/// What a function's role allows, beside what Lambda does itself.
fn allowed(template: &Value, role: &str) -> BTreeSet<String> {
    let role = &template["Resources"][role]["Properties"];
    let managed = objects(&role["ManagedPolicyArns"]).into_iter().filter_map(|one| one.get("Ref"));
    let managed = managed.map(|name| &template["Resources"][name.as_str().unwrap()]["Properties"]);
    let statements = std::iter::once(role).chain(managed).flat_map(objects);
    statements
        .filter(|one| one.get("Effect").is_some_and(|effect| effect == "Allow"))
        .flat_map(|one| texts(&one["Action"]))
        .filter(|action| !OF_LAMBDA.contains(&action.as_str()))
        .collect()
}

#[tokio::test]
async fn each_role_allows_what_its_function_calls_and_nothing_else() {
    let (template, modules) = (template(), modules());
    let read = variables_read().await.unwrap();
    for function in functions(&template) {
        let name = function.name.as_str();
        let role =
            function.properties["Role"]["Fn::GetAtt"][0].as_str().expect("a role of its own");
        let Some(read) = read.get(name) else {
            panic!("{name} is not among those whose variables are read");
        };
        let variables = &template_variables(name).intersection(read).cloned().collect();
        let allowed = allowed(&template, role);
        let allowed: BTreeSet<&str> = allowed.iter().map(String::as_str).collect();
        let allowed = allowed.into_iter().filter(|action| *action != "sts:AssumeRole").collect();
        assert_eq!(called(name, variables, &modules), allowed, "{name}: called and allowed");
    }
}

#[test]
fn every_call_of_the_sdk_is_in_the_list() {
    let known: Vec<&str> = CALLS.iter().map(|(call, _)| *call).collect();
    for (name, text) in modules() {
        let code: String = text.split_whitespace().collect();
        for part in code.split('.').skip(1) {
            let Some((method, _)) = part.split_once("()") else { continue };
            let verb = method.split('_').next().unwrap_or_default();
            let is_call = VERBS.contains(&verb) && (method.contains('_') || LONE.contains(&method));
            let call = format!(".{method}()");
            assert!(!is_call || known.contains(&call.as_str()), "aws::{name} calls {call}");
        }
    }
}

#[test]
fn nobody_may_change_or_delete_what_the_security_log_holds() {
    let template = template();
    for (name, resource) in template["Resources"].as_object().unwrap() {
        for statement in objects(resource) {
            let is_allowed = statement.get("Effect").is_some_and(|effect| effect == "Allow");
            for action in texts(statement.get("Action").unwrap_or(&Value::Null)) {
                assert!(!is_allowed || !action.contains('*'), "{name}: {action}");
                for verb in ["Delete", "UpdateItem", "PutBucket", "PutObjectRetention"] {
                    let is_network = action == "ec2:DeleteNetworkInterface";
                    assert!(is_network || !action.contains(verb), "{name}: {action}");
                }
            }
        }
    }
}

#[test]
fn a_role_reads_the_secrets_that_its_function_is_given_and_no_other() {
    let template = template();
    // What settings may add: the sender of a route, a captcha, numbers for reviewers, metrics.
    let by_settings = |name: &str| match name {
        "verify" => ["challenge", "test-phone-numbers", "twilio", "vonage", "sms-hook"].as_slice(),
        "platform" => &["metrics-token"],
        _ => &[],
    };
    for function in functions(&template) {
        let name = function.name.as_str();
        let role = function.properties["Role"]["Fn::GetAtt"][0].as_str().unwrap();
        let of = |value: &Value, from: &str| -> BTreeSet<String> {
            let text = value.to_string();
            let parts = text.split(from).skip(1);
            parts
                .map(|part| part.split(['"', '?', '#']).next().unwrap().trim_end_matches('-'))
                .map(str::to_owned)
                .collect()
        };
        let role = &template["Resources"][role]["Properties"]["Policies"];
        let given = of(&function.properties["Environment"], "auth/${Stage}/");
        let mut expected = given;
        expected.extend(by_settings(name).iter().map(|secret| (*secret).to_owned()));
        if name == "rotate-keys" {
            let rotated = ["jwt-keys", "jwt-public-keys", "pepper", "data-keys"];
            expected.extend(rotated.map(str::to_owned));
        }
        assert_eq!(of(role, "secret:auth/${Stage}/"), expected, "{name}");
    }
    assert!(read("docs/deploying.md").contains("auth/<stage>/jwt-keys"));
}
