//! The functions as Lambda runs them: recorded events of the gateway in, its response format
//! out; and the runtime's own loop, in a process of its own, against a stand-in for its API.
//! What no well-behaved client or gateway sends is in [`events`], and functions whose events are of
//! their own in [`typed`].

mod events;
mod typed;

use axum::body::Bytes;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::Method;
use serde_json::{Value, json};
use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tests::proof::{ISSUER, prove};
use tests::runtime_api::RuntimeApi;
use tests::{Keys, Reply, Service, Session, contract};
use uuid::{Uuid, uuid};

use crate::sources::{operations, read_json};

/// Hands an event to a function, and checks what every answer must hold.
async fn invoke(service: &Service, function: &str, event: &Value) -> Reply {
    checked(event, &answer(service, function, event).await)
}

/// What the function hands to the gateway.
async fn answer(service: &Service, function: &str, event: &Value) -> Value {
    let mut functions = local::service::functions(&service.state).into_iter();
    let (_, routes) = functions.find(|(name, _)| *name == function).expect(function);
    let sandbox = shared::lambda::service(routes, service.state.core.clone());
    tests::lambda::invoke(sandbox, event.clone()).await.unwrap()
}

/// An answer in the gateway's format (payload 2.0).
fn checked(event: &Value, answer: &Value) -> Reply {
    let reply = Reply::of_gateway(answer);
    let http = &event["requestContext"]["http"];
    let method: Method = http["method"].as_str().unwrap().parse().unwrap();
    contract::check(&method, event["rawPath"].as_str().unwrap(), &reply);
    reply
}

/// A recorded event, asked from another address.
fn event_from(id: &str, address: &str) -> Value {
    let mut event = read_json(&format!("events/{id}.json"));
    event["requestContext"]["http"]["sourceIp"] = json!(address);
    event
}

/// A recorded event with another body.
fn event_with(id: &str, body: &Value) -> Value {
    let mut event = read_json(&format!("events/{id}.json"));
    event["body"] = json!(body.to_string());
    event
}

#[tokio::test]
async fn every_recorded_event_is_answered_by_its_function() {
    let service = Service::start().await;
    for one in operations() {
        let event = read_json(&format!("events/{}.json", one.id));
        let reply = invoke(&service, one.function, &event).await;
        let (status, code) = (reply.status.as_u16(), reply.code());
        // It reached its operation: the router itself would say not_found or 405.
        assert!(
            code != "not_found" && status != 405 && status < 500,
            "{}: {status} {code}",
            one.id
        );
        let expected = match one.id.as_str() {
            "start_registration_verification"
            | "start_login_verification"
            | "start_phone_change_verification" => 200,
            // What they name was never made here, and their tokens are not ours.
            "fetch_verification" => 404,
            "create_qr_link" => 201,
            "scan_qr_challenge" | "poll_qr_scan" | "poll_qr_link" => 410,
            "refresh_tokens" => 401,
            _ if one.needs_bearer() => 401,
            _ if one.function == "platform" => 200,
            _ => 400,
        };
        assert_eq!(status, expected, "{}: {code}", one.id);
        assert_ne!(code, "validation_failed", "{}: {}", one.id, reply.json());
    }
    let unknown = read_json("events/unknown_route.json");
    invoke(&service, "platform", &unknown).await.refused(404, "not_found");
}

/// Who asks in the recorded events, and whose keys are asked for there.
const ASKING: [&str; 2] =
    ["01957d3e-6f00-7a41-9c52-3d8e0b7f6a15", "01957d3e-6f02-7c83-be94-5fa02d917c37"];
const ASKED: [&str; 2] =
    ["01957c10-2b40-7d92-a1f7-60c4e8d3b529", "01957c10-2b42-7e15-9d03-4fb87a1c6e80"];

#[tokio::test]
async fn the_recorded_keys_are_taken_and_found_when_those_who_ask_exist() {
    let service = Service::start().await;
    let client = service.client();
    let (alice, bob) = ("+33612345678", "+33698765432");
    let signer = Keys::recorded();
    let recorded = |id: &str, verification: &str| {
        let event = read_json(&format!("events/{id}.json"));
        let mut body: Value = serde_json::from_str(event["body"].as_str().unwrap()).unwrap();
        let remove_proof = |body: &mut Value| {
            body["signalKeyBundle"].as_object_mut().unwrap().remove("identityProof")
        };
        // The recorded proof is for the recorded verification.
        let proof = remove_proof(&mut body);
        prove(ISSUER, &mut body);
        assert_eq!(body["signalKeyBundle"].get("identityProof"), proof.as_ref());
        remove_proof(&mut body);
        body["verificationId"] = json!(verification);
        prove(ISSUER, &mut body);
        assert_eq!(body["signalKeyBundle"]["identityKey"], signer.identity());
        event_with(id, &body)
    };
    let id = client.verified("register", alice).await;
    let _ = invoke(&service, "login", &recorded("register_user", &id)).await.expect(201);
    let id = client.verified("login", alice).await;
    let session = invoke(&service, "login", &recorded("login_user", &id)).await.expect(200);
    let session = Session::from_reply(&session);
    let other = client.sign_up_with(bob, Keys::new().bundle(1..4, 1..4)).await;

    // In an order in which each still finds something, with what that is.
    for (id, status, found) in [
        ("check_keys", 200, json!({ "match": false })),
        ("upload_signed_prekey", 201, Value::Null),
        ("upload_prekeys", 201, json!({ "uploaded": 3 })),
        ("upload_kyber_prekeys", 201, json!({ "uploaded": 2 })),
        ("upload_kyber_last_resort", 201, Value::Null),
        ("fetch_key_status", 200, json!({ "availablePreKeys": 3, "availableKyberPreKeys": 2 })),
        ("fetch_key_recommendations", 200, json!({ "availablePreKeys": 3 })),
        ("fetch_key_health", 200, json!({ "prekeys_remaining": 3 })),
        ("list_key_devices", 200, json!({ "userId": other.user, "version": 1 })),
        ("fetch_prekey_bundle", 200, json!({ "deviceId": other.device })),
        ("fetch_user_bundles", 200, json!({ "userId": other.user })),
        ("fetch_bundles", 200, Value::Null),
        ("check_key_devices", 200, json!({ "missing": [], "extra": [2], "stale": [1] })),
        ("delete_device_keys", 204, Value::Null),
        ("delete_all_keys", 204, Value::Null),
    ] {
        let mut event = read_json(&format!("events/{id}.json")).to_string();
        let theirs =
            [(ASKING, [&session.user, &session.device]), (ASKED, [&other.user, &other.device])];
        for (names, real) in theirs {
            for (name, real) in names.iter().zip(real) {
                event = event.replace(name, real);
            }
        }
        let mut event: Value = serde_json::from_str(&event).unwrap();
        event["headers"]["authorization"] = json!(format!("Bearer {}", session.access));
        let reply = invoke(&service, "prekeys", &event).await;
        assert_eq!(reply.status, status, "{id}: {}", reply.json());
        for (name, value) in found.as_object().into_iter().flatten() {
            assert_eq!(reply.json()[name], *value, "{id}: {name}");
        }
    }
}

#[tokio::test]
async fn binary_files_travel_in_base64_and_texts_as_they_are() {
    let service = Service::start().await;
    let mut event = read_json("events/show_swagger.json");
    for (file, begins) in [("favicon-32x32.png", b"\x89PNG".as_slice()), ("swagger-ui.css", b"")] {
        let path = format!("/auth/swagger/{file}");
        event["rawPath"] = json!(path);
        event["requestContext"]["http"]["path"] = json!(path);
        let reply = invoke(&service, "platform", &event).await.expect(200);
        let direct = service.client().get(&path).await.expect(200);
        assert!(reply.body == direct.body && reply.body.starts_with(begins), "{file}");
        assert_eq!(reply.header("content-type"), direct.header("content-type"));
    }
}

#[tokio::test]
async fn a_body_in_base64_is_the_body() {
    let service = Service::start().await;
    let mut event = read_json("events/start_registration_verification.json");
    let body = event["body"].as_str().unwrap().to_owned();
    event["body"] = json!(BASE64.encode(&body));
    invoke(&service, "verify", &event).await.refused(400, "body_malformed");
    event["isBase64Encoded"] = json!(true);
    let _ = invoke(&service, "verify", &event).await.expect(200);
    let to = serde_json::from_str::<Value>(&body).unwrap()["phoneNumber"].clone();
    assert_eq!(service.inbox().await[0]["to"], to);
}

/// Headers in which proxies tell an address.
const FORGED: [&str; 5] =
    ["x-forwarded-for", "forwarded", "x-real-ip", "true-client-ip", "cloudfront-viewer-address"];

#[tokio::test]
async fn the_address_is_the_gateways_word_and_no_headers() {
    let service = Service::start().await;
    let mut event = event_from("fetch_jwks", "198.51.100.1");
    for n in 0..300 {
        for name in FORGED {
            event["headers"][name] = json!(format!("192.0.2.{}:443", n % 256));
        }
        let reply = invoke(&service, "platform", &event).await.expect(200);
        assert_eq!(reply.header("ratelimit-remaining"), Some((299 - n).to_string().as_str()));
    }
    invoke(&service, "platform", &event).await.refused(429, "rate_limited");
    // Neither does a header make anybody look like that address.
    let mut another = event_from("fetch_jwks", "198.51.100.2");
    another["headers"]["x-forwarded-for"] = json!("198.51.100.1");
    let reply = invoke(&service, "platform", &another).await.expect(200);
    assert_eq!(reply.header("ratelimit-remaining"), Some("299"));

    // What the security log keeps is the same.
    let client = service.client();
    let id = client.verified("register", "+33612345678").await;
    let mut event = event_with("register_user", &json!({ "verificationId": id }));
    event["requestContext"]["http"]["sourceIp"] = json!("2001:db8::7");
    event["headers"]["x-forwarded-for"] = json!("192.0.2.1");
    let _ = invoke(&service, "login", &event).await.expect(201);
    let kept = "SELECT count(*) FROM auth.login_history WHERE ip_address = '2001:db8::7'";
    assert_eq!(service.count(kept).await, 1);
}

#[tokio::test]
async fn arrival_is_the_gateways_word_unless_it_is_a_minute_off() {
    let service = Service::start().await;
    let (id, _) = service.client().start("register", "+33612345678").await;
    let mut event = read_json("events/fetch_verification.json");
    event["rawPath"] = json!(format!("/auth/v1/verify/{id}"));
    event["pathParameters"]["verificationId"] = json!(id);
    for (n, (offset, left)) in
        [(0, 600), (59_000, 541), (60_000, 540), (60_001, 600), (3_600_000, 600), (-60_001, 600)]
            .into_iter()
            .enumerate()
    {
        event["requestContext"]["timeEpoch"] = json!(service.now().millis() + offset);
        // Each from elsewhere: time that jumps would fill one address's bucket.
        event["requestContext"]["http"]["sourceIp"] = json!(format!("10.0.{n}.1"));
        let reply = invoke(&service, "verify", &event).await.expect(200);
        assert_eq!(reply.json()["expiresIn"], left, "{offset} ms off");
    }
    event["requestContext"]["timeEpoch"] = json!(0);
    let reply = invoke(&service, "verify", &event).await.expect(200);
    assert_eq!(reply.json()["expiresIn"], 600);
}

/// Which function the process below is.
const FUNCTION: &str = "SANDBOX_FUNCTION";

/// No test but a function's `main`, for the process that the next test starts.
#[tokio::test]
#[ignore = "runs only as the sandbox of the test below"]
async fn a_sandbox() {
    let run = match std::env::var(FUNCTION).as_deref() {
        Ok("verify") => {
            let read = verify::VerifyState::read;
            let (routes, tasks) = (verify::router(), verify::TASKS);
            shared::lambda::run_with_tasks(None, verify::SECRETS, read, routes, tasks).await
        }
        Ok("login") => {
            let read = login::LoginState::read;
            shared::lambda::run(None, login::SECRETS, read, login::router()).await
        }
        Ok("tokens") => {
            let read = tokens::TokensState::read;
            shared::lambda::run(None, tokens::SECRETS, read, tokens::router()).await
        }
        Ok("devices") => {
            let read = devices::DevicesState::read;
            shared::lambda::run(None, devices::SECRETS, read, devices::router()).await
        }
        Ok("prekeys") => {
            let read = prekeys::PrekeysState::read;
            shared::lambda::run(None, prekeys::SECRETS, read, prekeys::router()).await
        }
        Ok("authorizer") => {
            let read = authorizer::AuthorizerState::read;
            let handle = authorizer::authorize;
            shared::lambda::run_events(None, authorizer::SECRETS, read, handle).await
        }
        _ => return,
    };
    run.expect("the runtime's loop");
}

const DEADLINE: Duration = Duration::from_secs(30);

/// Under which every event runs: there is one at a time.
const REQUEST: Uuid = uuid!("8476a536-e9f4-11e8-9739-2dfe598c3fcd");

struct Sandbox {
    child: Child,
    api: RuntimeApi,
}

impl Sandbox {
    /// Starts a function with the environment that Lambda gives.
    async fn start(function: &str, variables: &[(String, String)]) -> Self {
        let api = RuntimeApi::start().await;
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "lambda::a_sandbox", "--ignored", "--nocapture"])
            .env_clear()
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .env(FUNCTION, function)
            .envs(api.variables(function))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, api }
    }

    async fn invoke(&mut self, event: &Value) -> Reply {
        let (kind, answer) = self.invoke_with(event.to_string().into()).await;
        assert_eq!(kind, "response", "{answer}");
        checked(event, &answer)
    }

    /// Hands out these bytes; gives what kind of outcome the runtime told, and the outcome.
    async fn invoke_with(&mut self, event: Bytes) -> (String, Value) {
        let outcome = tokio::time::timeout(DEADLINE, self.api.invoke(REQUEST, event)).await;
        let outcome = outcome.expect("an answer in time");
        (outcome.kind, outcome.answer)
    }

    /// Ends it, and gives what it wrote: the lines that CloudWatch would keep.
    fn end(mut self) -> String {
        let mut log = String::new();
        self.child.kill().unwrap();
        self.child.stdout.take().unwrap().read_to_string(&mut log).unwrap();
        log
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A service, and the variables of a function in a process of its own over the same stores.
async fn service_and_variables() -> (Service, Vec<(String, String)>) {
    let keys = local::service::new_keys();
    let of_ours: Vec<(&str, &str)> = keys.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let service = Service::with(&of_ours).await;
    let mut variables: Vec<(String, String)> = keys.clone().into_iter().collect();
    variables.extend([
        ("STAGE".to_owned(), "local".to_owned()),
        ("DATABASE_URL".to_owned(), service.stores.database_url.clone()),
        ("REDIS_URL".to_owned(), service.stores.redis_url.clone()),
    ]);
    (service, variables)
}

#[tokio::test]
async fn a_number_signs_up_through_the_runtimes_own_loop() {
    let (service, variables) = service_and_variables().await;
    let phone = "+33612345678";

    let mut verify = Sandbox::start("verify", &variables).await;
    let start = event_with("start_registration_verification", &json!({ "phoneNumber": phone }));
    let started = verify.invoke(&start).await.expect(200).json();
    let id = started["verificationId"].as_str().unwrap();
    let code = service.client().last_code(phone).await;
    let body = json!({ "verificationId": id, "code": code });
    let _ =
        verify.invoke(&event_with("confirm_registration_verification", &body)).await.expect(200);

    let mut login = Sandbox::start("login", &variables).await;
    let keys = Keys::new().bundle(1..3, 1..3);
    let mut body = json!({ "verificationId": id, "signalKeyBundle": keys });
    prove(ISSUER, &mut body);
    let register = event_with("register_user", &body);
    let session = Session::from_reply(&login.invoke(&register).await.expect(201));

    let mut tokens = Sandbox::start("tokens", &variables).await;
    let refresh = event_with("refresh_tokens", &json!({ "refreshToken": session.refresh }));
    let refreshed = Session::from_reply(&tokens.invoke(&refresh).await.expect(200));
    assert_eq!(refreshed.user, session.user);

    let mut prekeys = Sandbox::start("prekeys", &variables).await;
    let mut fetch = read_json("events/fetch_prekey_bundle.json");
    fetch["rawPath"] =
        json!(format!("/auth/v1/signal/keys/{}/devices/{}", session.user, session.device));
    fetch["headers"]["authorization"] = json!(format!("Bearer {}", refreshed.access));
    let bundle = prekeys.invoke(&fetch).await.expect(200).json();
    assert_eq!(bundle["preKey"], keys["preKeys"][0]);

    // One line per request that is a metric too; and nothing of what must not be in a log.
    for (sandbox, function, routes) in [
        (
            verify,
            "auth-verify",
            ["/auth/v1/verify/register/request", "/auth/v1/verify/register/confirm"].as_slice(),
        ),
        (login, "auth-login", &["/auth/v1/register"]),
        (tokens, "auth-tokens", &["/auth/v1/tokens/refresh"]),
        (prekeys, "auth-prekeys", &["/auth/v1/signal/keys/{userId}/devices/{deviceId}"]),
    ] {
        let log = sandbox.end();
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let told: Vec<Value> = lines.filter(|line| line["message"] == "request").collect();
        assert_eq!(told.iter().map(|line| &line["route"]).collect::<Vec<_>>(), *routes, "{log}");
        for line in told {
            assert_eq!(line["function"], function);
            crate::template::emf::check(&line);
            assert!(line["duration"].is_number());
            let metrics = &line["_aws"]["CloudWatchMetrics"][0];
            assert_eq!(metrics["Dimensions"], json!([["stage"], ["function"]]));
        }
        let national = phone.trim_start_matches("+33");
        for secret in [national, id, &code, &session.access, &session.refresh, &refreshed.refresh] {
            assert!(!log.contains(secret), "{secret} is in the log: {log}");
        }
    }
}
