//! The contract held by comparison: the routes in code are those of `template.yaml`, of the
//! watch router, of `infra/openapi.json` and of `events/`; the document says all that an
//! operation may answer; whoever is not on the public list is refused without a token.

use http::Method;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use tests::contract::{self, DOCUMENT};
use tests::{Reply, Service};

use crate::sources::{Operation, function_names, operations, read, read_json};
use crate::template::document::template_routes;

/// Operations that anybody may ask. May only shrink.
const PUBLIC: [&str; 23] = [
    "check_health",
    "check_liveness",
    "check_readiness",
    "confirm_login_verification",
    "confirm_phone_change_verification",
    "confirm_registration_verification",
    "create_qr_link",
    "fetch_jwks",
    "fetch_metrics", // with a token of its own where METRICS_TOKEN is set
    "fetch_openapi",
    "fetch_verification",
    "login_user",
    "poll_qr_link", // with the secret of the link
    "poll_qr_scan", // with the secret of the scan
    "refresh_tokens",
    "register_user",
    "resend_verification",
    "scan_qr_challenge", // with the challenge
    "show_swagger",
    "start_login_verification",
    "start_phone_change_verification",
    "start_registration_verification",
    "undo_account_changes",
];

/// Operations outside of limits and problem bodies.
const HEALTH: [&str; 3] = ["check_health", "check_liveness", "check_readiness"];

/// What the gateways route beside the operations, all of it to `platform`: the files of the
/// documentation's page, and whatever else comes.
const TEMPLATE_ONLY: [&str; 2] = ["$default", "GET /auth/swagger/{proxy+}"];
const WATCH_ONLY: [&str; 2] = ["/", "/{*rest}"];

#[test]
fn every_function_is_joined_to_the_local_gateway() {
    let document = local::openapi();
    let joined: BTreeSet<&str> = document.paths.paths.keys().map(String::as_str).collect();
    let operations = operations();
    let alone: BTreeSet<&str> = operations.iter().map(|one| one.path.as_str()).collect();
    assert_eq!(joined, alone);
    let with_routes = operations.iter().map(|one| one.function);
    let without = local::service::EVENT_FUNCTIONS.iter().map(|one| one.name);
    let listed: BTreeSet<&str> = with_routes.chain(without).collect();
    let folders = function_names();
    assert_eq!(listed, folders.iter().map(String::as_str).collect());
}

#[test]
fn the_template_gives_each_function_exactly_its_routes() {
    let mut expected: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for Operation { function, route, .. } in operations() {
        expected.entry(function.to_owned()).or_default().insert(route);
    }
    let platform = expected.entry("platform".to_owned()).or_default();
    platform.extend(TEMPLATE_ONLY.map(str::to_owned));
    assert_eq!(template_routes(), expected);
}

#[test]
fn the_watch_router_gives_each_path_to_its_function() {
    let manifest: toml::Table = toml::from_str(&read("Cargo.toml")).unwrap();
    let router = manifest["workspace"]["metadata"]["lambda"]["watch"]["router"].as_table().unwrap();
    let found: BTreeMap<&str, &str> =
        router.iter().map(|(path, function)| (path.as_str(), function.as_str().unwrap())).collect();
    let operations = operations();
    let own = operations.iter().map(|one| (one.path.as_str(), one.function));
    let expected: BTreeMap<&str, &str> =
        own.chain(WATCH_ONLY.map(|path| (path, "platform"))).collect();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn the_generated_files_are_what_the_code_makes() {
    let stale = local::generate::stale_files().await.unwrap();
    let stale: Vec<&str> = stale.iter().map(|file| file.path.as_str()).collect();
    assert!(stale.is_empty(), "{stale:?} are stale: run `cargo local generate`");
}

#[test]
fn every_operation_has_a_recorded_event_of_its_own() {
    let operations = operations();
    let mut expected: BTreeSet<String> = operations.iter().map(|one| one.id.clone()).collect();
    expected.insert("unknown_route".to_owned());
    // Those of `internal` are checked by its own tests: they are no requests.
    let is_internal = |name: &String| name.starts_with("internal_");
    let names = crate::sources::event_names().into_iter();
    let found: BTreeSet<String> = names.filter(|name| !is_internal(name)).collect();
    assert_eq!(found, expected);

    for Operation { id, method, path, route, .. } in &operations {
        let event = read_json(&format!("events/{id}.json"));
        let http = &event["requestContext"]["http"];
        assert_eq!(event["version"], "2.0", "{id}");
        assert_eq!(http["method"], method.as_str(), "{id}");
        assert_eq!(event["rawPath"], http["path"], "{id}");
        for key in [&event["routeKey"], &event["requestContext"]["routeKey"]] {
            assert_eq!(key, route.as_str(), "{id}");
        }
        let raw = event["rawPath"].as_str().unwrap();
        assert_eq!(path_parameters(path, raw).as_ref(), Some(&event["pathParameters"]), "{id}");
    }
    let unknown = read_json("events/unknown_route.json");
    assert_eq!(unknown["routeKey"], "$default");
    let path = unknown["rawPath"].as_str().unwrap();
    assert!(contract::operation(&Method::GET, path).is_none(), "{path} is known");
}

/// What a template's parameters are in a path; `null` if it has none, nothing if it is not
/// such a path.
fn path_parameters(template: &str, path: &str) -> Option<Value> {
    let (template, path): (Vec<_>, Vec<_>) =
        (template.split('/').collect(), path.split('/').collect());
    let mut parameters = json!({});
    for (part, value) in template.iter().zip(&path) {
        match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            Some(name) => parameters[name] = json!(value),
            None if part == value => {}
            None => return None,
        }
    }
    let parameters = if parameters == json!({}) { Value::Null } else { parameters };
    (template.len() == path.len()).then_some(parameters)
}

#[test]
fn every_operation_says_what_it_is_and_how_it_refuses() {
    let schemas = &read_json("infra/openapi.json")["components"]["schemas"];
    for Operation { id, function, spec, .. } in operations() {
        assert_eq!(spec["tags"], json!([function]), "{id}: the tag is the function");
        assert!(spec["summary"].as_str().is_some_and(|text| text.len() > 5), "{id}: summary");
        let responses = spec["responses"].as_object().unwrap();
        assert!(responses.keys().any(|status| status.starts_with('2')), "{id}: no success");
        let is_health = HEALTH.contains(&id.as_str());
        assert!(is_health != responses.contains_key("429"), "{id}: 429");
        for (status, response) in responses {
            let place = format!("{id} {status}");
            assert!(response["description"].is_string(), "{place}: no description");
            assert!(!status.contains(['X', 'd']), "{place}: stands for many");
            let waits = response["headers"]["Retry-After"].is_object();
            assert_eq!(waits, status == "429" || status == "503", "{place}: Retry-After");
            let challenges = response["headers"]["WWW-Authenticate"].is_object();
            assert_eq!(challenges, status == "401", "{place}: WWW-Authenticate");
            if !status.starts_with('2') && !is_health {
                let schema = &response["content"]["application/problem+json"]["schema"];
                let name = schema["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
                let codes = &schemas[name]["properties"]["code"]["enum"];
                let codes = codes.as_array().expect("an enum of codes");
                let told = response["description"].as_str().unwrap().lines();
                let told: Vec<&str> = told.map(|line| line.split('`').nth(1).unwrap()).collect();
                assert!(!told.is_empty(), "{place}: no code is named");
                assert!(told.iter().all(|code| codes.contains(&json!(code))), "{place}: {told:?}");
            }
        }
        let takes_a_body = spec.get("requestBody").is_some();
        for status in ["413", "415"] {
            assert_eq!(responses.contains_key(status), takes_a_body, "{id}: {status}");
        }
        for (kind, content) in spec["requestBody"]["content"].as_object().into_iter().flatten() {
            assert_eq!(kind, "application/json", "{id}");
            let told = content.get("schema").is_some() || content.get("example").is_some();
            assert!(told, "{id}: nothing says what the body is");
        }
    }
}

#[test]
fn the_public_list_is_exactly_the_operations_without_a_bearer() {
    let operations = operations();
    let public: Vec<&str> =
        operations.iter().filter(|one| !one.needs_bearer()).map(|one| one.id.as_str()).collect();
    assert_eq!(public, PUBLIC);
    for Operation { id, spec, .. } in &operations {
        let own = if id == "fetch_metrics" { json!([{}, { "metrics": [] }]) } else { json!([]) };
        let bearer = json!([{ "bearer": [] }]);
        assert!(
            spec["security"] == own || spec["security"] == bearer,
            "{id}: {}",
            spec["security"]
        );
    }
}

#[tokio::test]
async fn no_bearer_operation_is_reachable_without_a_live_access_token() {
    let service = Service::with(&[("RATE_LIMITS", "off")]).await;
    let client = service.client();
    let session = client.sign_up("+33612345678").await;
    let ended = client.log_in("+33612345678", "another").await;
    let _ =
        client.clone().bearer(&ended.access).post("/auth/v1/logout", json!({})).await.expect(204);
    let mut checked = 0;
    for one in operations().iter().filter(|one| one.needs_bearer()) {
        checked += 1;
        let path = one.example_path();
        let ask = |client: tests::Client| {
            let (method, path) = (one.method.clone(), path.clone());
            async move { client.send(method, &path, &json!({})).await }
        };
        ask(client.clone()).await.refused(401, "token_missing");
        let authorization = |value: &str| client.clone().with_header("authorization", value);
        ask(authorization(&format!("Basic {}", session.access)))
            .await
            .refused(401, "token_missing");
        ask(authorization(&session.access)).await.refused(401, "token_missing");
        ask(authorization("Bearer")).await.refused(401, "token_missing");
        for garbage in ["", "garbage", "a.b.c", &session.refresh, &session.access[1..]] {
            ask(client.clone().bearer(garbage)).await.refused(401, "token_invalid");
        }
        ask(client.clone().bearer(&ended.access)).await.refused(401, "session_ended");
        let in_the_address = format!("{path}?access_token={}", session.access);
        let reply = client.send(one.method.clone(), &in_the_address, &json!({})).await;
        reply.refused(401, "token_missing");
    }
    assert!(checked >= 24, "too few bearer operations were found: {checked}");
    let alive = "SELECT count(*) FROM auth.sessions WHERE revoked_at IS NULL";
    assert_eq!(service.count(alive).await, 1, "something was done for a stranger");

    // The same requests with the token are let in, each by a session of its own: one may end it.
    for (n, one) in operations().iter().filter(|one| one.needs_bearer()).enumerate() {
        let session = client.log_in("+33612345678", &format!("device-{}", n % 8)).await;
        let client = client.clone().bearer(&session.access);
        let reply = client.send(one.method.clone(), &one.example_path(), &json!({})).await;
        assert_ne!(reply.status, 401, "{}", one.id);
    }
}

#[test]
fn the_document_is_a_sound_openapi_3_1() {
    let document = &*DOCUMENT;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    for name in ["title", "version", "description"] {
        assert!(document["info"][name].as_str().is_some_and(|text| !text.is_empty()), "{name}");
    }
    let mut references = 0;
    each_reference(document, &mut |reference| {
        references += 1;
        let pointer = reference.strip_prefix('#').expect("a reference within the document");
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    });
    assert!(references > 50, "only {references} references were found");
    for name in document["components"]["schemas"].as_object().unwrap().keys() {
        let mut used = false;
        let wanted = format!("#/components/schemas/{name}");
        each_reference(document, &mut |reference| used |= reference == wanted);
        assert!(used, "the schema {name} is used nowhere");
    }

    let operations = operations();
    let mut ids = BTreeSet::new();
    for Operation { id, path, spec, .. } in &operations {
        assert!(ids.insert(id), "{id} stands for two operations");
        let in_path: BTreeSet<&str> = path
            .split('/')
            .filter_map(|part| part.strip_prefix('{').and_then(|part| part.strip_suffix('}')))
            .collect();
        let parameters = spec["parameters"].as_array().into_iter().flatten();
        let declared: Vec<&Value> = parameters.filter(|one| one["in"] == "path").collect();
        for parameter in &declared {
            assert_eq!(parameter["required"], true, "{id}: {parameter}");
            assert!(parameter["schema"].is_object(), "{id}: {parameter}");
        }
        let names: BTreeSet<&str> =
            declared.iter().filter_map(|one| one["name"].as_str()).collect();
        assert_eq!((names.len(), names), (declared.len(), in_path), "{id}");
        for requirement in spec["security"].as_array().into_iter().flatten() {
            for name in requirement.as_object().unwrap().keys() {
                let scheme = &document["components"]["securitySchemes"][name];
                assert!(scheme.is_object(), "{id}: no security scheme {name}");
            }
        }
    }
}

/// Every `$ref`, wherever it stands.
fn each_reference(value: &Value, with: &mut impl FnMut(&str)) {
    match value {
        Value::Object(map) => {
            if let Some(reference) = map.get("$ref").and_then(Value::as_str) {
                with(reference);
            }
            map.values().for_each(|value| each_reference(value, with));
        }
        Value::Array(list) => list.iter().for_each(|value| each_reference(value, with)),
        _ => {}
    }
}

#[test]
fn the_description_tells_every_code_and_each_is_told_by_some_operation() {
    use shared::http::problem::Code;
    let description = DOCUMENT["info"]["description"].as_str().unwrap();
    // The router's own refusals, and those of the function `internal`, belong to no operation.
    let nobodys = [Code::MethodNotAllowed, Code::InvocationForbidden];
    let responses: String =
        operations().iter().map(|one| one.spec["responses"].to_string()).collect();
    for code in Code::ALL {
        let row =
            format!("| `{}` | {} | {} |", code.as_str(), code.status().as_u16(), code.detail());
        assert!(description.lines().any(|line| line == row), "no line in the table: {row}");
        let told = responses.contains(&format!("`{}`: ", code.as_str()));
        assert_eq!(told, !nobodys.contains(code), "{}", code.as_str());
    }
    let rows = description.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(rows, Code::ALL.len(), "the table has more lines than there are codes");
}

#[tokio::test]
async fn the_check_of_every_answer_sees_each_breach() {
    let service = Service::start().await;
    let client = service.client();
    let live = client.get("/auth/v1/health/live").await.expect(200);
    let missing = client.get("/auth/v1/verify/00000000-0000-4000-8000-000000000000").await;
    let missing = missing.expect(404);

    let breach = |path: &str, reply: &Reply, change: &dyn Fn(&mut Reply)| {
        let mut changed = reply.clone();
        change(&mut changed);
        let check = || contract::check(&Method::GET, path, &changed);
        let told = catch_unwind(AssertUnwindSafe(check)).expect_err("the breach went unseen");
        told.downcast_ref::<String>().cloned().unwrap_or_default()
    };
    let undocumented = breach("/auth/v1/health/live", &live, &|reply| {
        reply.status = http::StatusCode::ACCEPTED;
    });
    assert!(undocumented.contains("a status that is not documented"), "{undocumented}");
    let unknown = breach("/auth/v1/none", &live, &|reply| {
        reply.status = http::StatusCode::CREATED;
    });
    assert!(unknown.contains("no operation answers so"), "{unknown}");
    for name in [
        "strict-transport-security",
        "x-content-type-options",
        "x-frame-options",
        "referrer-policy",
        "content-security-policy",
        "x-request-id",
    ] {
        breach("/auth/v1/health/live", &live, &|reply| drop(reply.headers.remove(name)));
    }
    breach("/auth/v1/health/live", &live, &|reply| {
        reply.headers.remove("cache-control");
        reply.body = br#"{"accessToken":"x"}"#.to_vec();
    });

    let path = "/auth/v1/verify/00000000-0000-4000-8000-000000000000";
    contract::check(&Method::GET, path, &missing);
    for (field, value) in [
        ("code", json!("surprise")),
        ("status", json!(400)),
        ("statusCode", json!("404")),
        ("requestId", json!("another")),
        ("message", json!("another")),
        ("title", Value::Null),
        ("error", Value::Null),
        ("retryAfterSeconds", json!(3)),
    ] {
        breach(path, &missing, &|reply| {
            let mut body = reply.json();
            body[field] = value.clone();
            if value.is_null() {
                body.as_object_mut().unwrap().remove(field);
            }
            reply.body = body.to_string().into_bytes();
        });
    }
    for (name, value) in
        [("content-type", "application/json"), ("retry-after", "3"), ("allow", "GET")]
    {
        breach(path, &missing, &|reply| drop(reply.headers.insert(name, value.parse().unwrap())));
    }
}
