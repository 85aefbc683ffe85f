//! Secrets by id: how they are loaded at the start, and how a changed one arrives while the
//! service runs, whatever happens to the service that holds them.

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use shared::cloud::{Cloud as _, CloudHandle};
use shared::config::{Environment, Lookup};
use shared::secrets::{
    REFRESH_AFTER, REFRESH_BY, SecretError, SecretErrors, SecretName, plain_text,
};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tests::race::together;
use tests::stores::Stores;
use tests::vault::{Mood, Vault};
use tests::{Service, local_aws};
use tokio::sync::Barrier;

const MINUTE: Duration = Duration::from_mins(1);
const FAILURES: &str = "auth_secret_refresh_failures_total";

fn lookup(variables: &[(&str, &str)]) -> Lookup {
    let all: HashMap<String, String> =
        variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    Arc::new(move |name| all.get(name).cloned())
}

async fn load(
    cloud: CloudHandle,
    variables: &[(&str, &str)],
    names: &[SecretName],
) -> Result<Environment, SecretErrors> {
    Environment::load_in(cloud, lookup(variables), names).await
}

fn text(environment: &Environment, name: SecretName) -> Option<String> {
    let secret = environment.reader().secret(name)?;
    Some(secret.expose_secret().to_owned())
}

#[tokio::test]
async fn secrets_come_by_id_and_by_field_with_one_call_for_all() {
    let object = json!({ "pepper": { "current": "x" }, "token": "t", "n": 5 }).to_string();
    let vault = Vault::new(&[("all", &object), ("plain", "  the text\n"), ("unread", "no")]);
    let names = [
        SecretName::Pepper,
        SecretName::MetricsToken,
        SecretName::TwilioAuthToken,
        SecretName::RedisPassword,
        SecretName::DataKeys,
    ];
    let variables = [
        ("PEPPER_SECRET_ID", "all#pepper"),
        ("METRICS_TOKEN_SECRET_ID", "all#token"),
        ("TWILIO_AUTH_TOKEN_SECRET_ID", "plain"),
        ("REDIS_PASSWORD", "of a variable"),
        // Not declared, so not loaded.
        ("JWT_KEYS_SECRET_ID", "unread"),
    ];
    for (mood, calls) in [(Mood::OneByOne, 3), (Mood::Answers, 1)] {
        vault.set(mood);
        let _ = load(Some(vault.clone()), &variables, &names).await.unwrap();
        assert_eq!(vault.take_calls(), calls);
    }
    let environment = load(Some(vault), &variables, &names).await.unwrap();
    assert_eq!(text(&environment, SecretName::Pepper).as_deref(), Some(r#"{"current":"x"}"#));
    assert_eq!(text(&environment, SecretName::MetricsToken).as_deref(), Some("t"));
    assert_eq!(text(&environment, SecretName::TwilioAuthToken).as_deref(), Some("the text"));
    assert_eq!(text(&environment, SecretName::RedisPassword).as_deref(), Some("of a variable"));
    assert_eq!(text(&environment, SecretName::DataKeys), None);
}

#[tokio::test]
async fn ids_that_one_call_does_not_give_are_asked_for_at_the_same_time() {
    let vault = Vault::new(&[("a", "1"), ("b", "2"), ("c", "3")]);
    // No call is answered before all three wait.
    vault.set(Mood::Together(Arc::new(Barrier::new(3))));
    let names = [SecretName::Pepper, SecretName::DataKeys, SecretName::MetricsToken];
    let variables =
        [("PEPPER_SECRET_ID", "a"), ("DATA_KEYS_SECRET_ID", "b"), ("METRICS_TOKEN_SECRET_ID", "c")];
    let loading = load(Some(vault), &variables, &names);
    let environment = tokio::time::timeout(Duration::from_secs(30), loading).await;
    assert_eq!(text(&environment.unwrap().unwrap(), SecretName::MetricsToken).unwrap(), "3");
}

#[tokio::test]
async fn a_start_that_fails_names_variables_and_the_service_and_no_value() {
    let vault = Vault::new(&[("there", r#"{"a":"hunter2"}"#), ("empty", " ")]);
    let names = [
        SecretName::Pepper,
        SecretName::DataKeys,
        SecretName::MetricsToken,
        SecretName::RedisPassword,
    ];
    let missing = [("PEPPER_SECRET_ID", "not-there"), ("DATA_KEYS_SECRET_ID", "not-there#field")];
    let error = load(Some(vault.clone()), &missing, &names).await.err().unwrap();
    let told = error.to_string();
    for part in ["PEPPER_SECRET_ID", "DATA_KEYS_SECRET_ID", "Secrets Manager", "NotFound"] {
        assert!(told.contains(part), "{part} is missing in: {told}");
    }
    let field = [
        ("METRICS_TOKEN_SECRET_ID", "there#b"),
        ("PEPPER_SECRET_ID", "there#a"),
        ("REDIS_PASSWORD_SECRET_ID", "empty"),
    ];
    let error = load(Some(vault.clone()), &field, &names).await.err().unwrap();
    let expected = [
        SecretError::NoField(SecretName::MetricsToken),
        SecretError::Missing(SecretName::RedisPassword),
    ];
    assert_eq!(error.0, expected);
    assert!(!error.to_string().contains("hunter2"));
    let without_a_cloud = load(None, &field[..1], &names).await.err().unwrap();
    assert_eq!(without_a_cloud.0, [SecretError::NoCloud(SecretName::MetricsToken)]);

    // What contradicts itself is an error of the configuration, told with all others.
    let twice = [("PEPPER", "x"), ("PEPPER_SECRET_ID", "there"), ("DATA_KEYS_SECRET_ID", "#a")];
    let _ = vault.take_calls();
    let environment = load(Some(vault.clone()), &twice, &names).await.unwrap();
    let errors = environment.reader().finish(Some(())).unwrap_err();
    let variables: Vec<_> = errors.0.iter().map(|error| error.variable).collect();
    assert_eq!(variables, ["PEPPER_SECRET_ID", "DATA_KEYS_SECRET_ID"]);
    assert_eq!(vault.take_calls(), 0);
}

const FIRST: &str = "the first token of the metrics, long";
const SECOND: &str = "the second token of the metrics, long";

/// A service whose keys and token of `/metrics` are in a vault.
async fn in_vault(more: &[(&str, &str)]) -> (Service, Arc<Vault>) {
    let keys = local::service::new_keys();
    let vault = Vault::new(&[("metrics", FIRST)]);
    let mut variables = vec![("METRICS_TOKEN_SECRET_ID", "metrics")];
    let ids = ["JWT_KEYS", "JWT_PUBLIC_KEYS", "PEPPER", "DATA_KEYS"].map(|name| {
        vault.put(name, &keys[name]);
        (format!("{name}_SECRET_ID"), name)
    });
    variables.extend(ids.iter().map(|(variable, id)| (variable.as_str(), *id)));
    variables.extend(more);
    let stores = Stores::fresh().await;
    let service = Service::over_in_cloud(stores, Some(vault.clone()), &variables).await;
    assert_eq!(vault.take_calls(), 1);
    (service, vault)
}

async fn metrics_with(service: &Service, token: &str) -> u16 {
    service.client().bearer(token).get("/metrics").await.status.as_u16()
}

async fn failures(service: &Service, token: &str) -> i64 {
    let reply = service.client().bearer(token).get("/metrics").await.expect(200);
    let text = String::from_utf8_lossy(&reply.body).into_owned();
    let line = text.lines().find_map(|line| line.strip_prefix(FAILURES));
    line.map_or(0, |count| count.trim().parse().unwrap())
}

/// What health says; a request that needs no secret.
async fn ask(service: &Service) {
    let _ = service.client().get("/auth/v1/health/live").await.expect(200);
}

#[tokio::test]
async fn a_changed_secret_arrives_beside_a_request() {
    let (service, vault) = in_vault(&[]).await;
    vault.put("metrics", SECOND);
    service.advance(REFRESH_AFTER.checked_sub(Duration::from_millis(1)).unwrap());
    ask(&service).await;
    assert_eq!(vault.take_calls(), 0, "not before its time");
    // The answer does not wait for it, so it may take some more tries.
    for _ in 0..20 {
        service.advance(MINUTE);
        ask(&service).await;
        if metrics_with(&service, SECOND).await == 200 {
            break;
        }
    }
    assert_eq!(metrics_with(&service, SECOND).await, 200);
    assert_eq!(metrics_with(&service, FIRST).await, 401);
    // A value that cannot be used does not replace one that can.
    vault.put("metrics", "short");
    service.advance(REFRESH_BY);
    ask(&service).await;
    assert_eq!(metrics_with(&service, SECOND).await, 200);
    assert_eq!(failures(&service, SECOND).await, 1);
}

#[tokio::test]
async fn every_kind_of_secret_arrives() {
    let numbers = ("TEST_PHONE_NUMBERS_SECRET_ID", "numbers");
    let origin = ("ORIGIN_VERIFY_SECRET_SECRET_ID", "origin");
    let keys = local::service::new_keys();
    let vault = Vault::new(&[("numbers", "+33612345678=111111"), ("origin", &"a".repeat(32))]);
    for name in ["JWT_KEYS", "JWT_PUBLIC_KEYS", "PEPPER", "DATA_KEYS"] {
        vault.put(name, &keys[name]);
    }
    let ids = [
        numbers,
        origin,
        ("JWT_KEYS_SECRET_ID", "JWT_KEYS"),
        ("JWT_PUBLIC_KEYS_SECRET_ID", "JWT_PUBLIC_KEYS"),
        ("PEPPER_SECRET_ID", "PEPPER"),
        ("DATA_KEYS_SECRET_ID", "DATA_KEYS"),
    ];
    let service = Service::over_in_cloud(Stores::fresh().await, Some(vault.clone()), &ids).await;
    let client = |secret: &str| {
        let client = service.client().with_header("x-origin-verify", secret);
        client.with_header("cloudfront-viewer-address", "203.0.113.7:443")
    };
    let (old, new) = (client(&"a".repeat(32)), client(&"b".repeat(32)));
    let document = async |client: &tests::Client| -> Value {
        client.get("/auth/.well-known/jwks.json").await.expect(200).json()
    };
    let first = document(&old).await;

    let others = local::service::new_keys();
    vault.put("numbers", "+33612345678=222222");
    vault.put("origin", &"b".repeat(32));
    for name in ["JWT_KEYS", "JWT_PUBLIC_KEYS", "PEPPER", "DATA_KEYS"] {
        vault.put(name, &others[name]);
    }
    let id = |state: &Service| state.state.verify.pepper.load().current().id().to_owned();
    let data_key =
        |state: &Service| state.state.login.second_factor.data_keys.load().current_id().to_owned();
    let before = (id(&service), data_key(&service));
    service.advance(REFRESH_BY);
    let _ = old.get("/auth/v1/health/live").await.expect(200);
    old.get("/auth/v1/health/live").await.refused(403, "origin_unverified");
    assert_ne!(document(&new).await, first);
    assert_ne!(id(&service), before.0);
    assert_ne!(data_key(&service), before.1);
    let session = {
        let body = json!({ "phoneNumber": "+33612345678" });
        let reply = new.post("/auth/v1/verify/register/request", body).await.expect(200);
        let verification = reply.json()["verificationId"].as_str().unwrap().to_owned();
        let _ = new.confirm("register", &verification, "222222").await.expect(200);
        let body = json!({ "verificationId": verification });
        tests::Session::from_reply(&new.post("/auth/v1/register", body).await.expect(201))
    };
    let document = document(&new).await.to_string();
    let kid = tests::token::header(&session.access)["kid"].clone();
    assert!(document.contains(kid.as_str().unwrap()), "signed by the new key");
}

#[tokio::test]
async fn an_error_leaves_the_value_before_in_use_and_is_counted() {
    let (service, vault) = in_vault(&[]).await;
    vault.set(Mood::Fails);
    service.advance(REFRESH_AFTER);
    let session = service.client().sign_up("+33612345678").await;
    assert_eq!(vault.take_calls(), 6, "all together, and each once");
    assert_eq!(failures(&service, FIRST).await, 5);
    service.advance(MINUTE.checked_sub(Duration::from_millis(1)).unwrap());
    ask(&service).await;
    assert_eq!(vault.take_calls(), 0, "not again at once");
    service.advance(REFRESH_BY);
    let _ = service.client().refresh(&session.refresh).await.expect(200);
    assert_eq!(vault.take_calls(), 6);
    assert_eq!(failures(&service, FIRST).await, 10);
    vault.set(Mood::Answers);
    vault.put("metrics", SECOND);
    service.advance(MINUTE);
    ask(&service).await;
    assert_eq!(metrics_with(&service, SECOND).await, 200);
}

#[tokio::test]
async fn a_service_that_never_answers_holds_no_request_for_long() {
    let (service, vault) = in_vault(&[]).await;
    vault.set(Mood::Hangs);
    for age in [REFRESH_AFTER, REFRESH_BY] {
        service.advance(age);
        let client = service.client();
        let asking = client.sign_up("+33612345678");
        if age == REFRESH_AFTER {
            let _ = tokio::time::timeout(Duration::from_mins(1), asking).await.unwrap();
        } else {
            tokio::time::timeout(Duration::from_mins(1), ask(&service)).await.unwrap();
        }
        assert_eq!(vault.take_calls(), 1);
    }
    // The last one waited for half a second, and gave up.
    assert_eq!(failures(&service, FIRST).await, 1);
}

#[tokio::test]
async fn of_200_requests_at_once_one_refreshes() {
    let (service, vault) = in_vault(&[("RATE_LIMITS", "off")]).await;
    vault.put("metrics", SECOND);
    service.advance(REFRESH_BY);
    let requests = (0..200).map(|_| {
        let service = service.clone();
        async move { ask(&service).await }
    });
    together(requests).await;
    assert_eq!(vault.take_calls(), 1, "all secrets once");
    assert_eq!(metrics_with(&service, SECOND).await, 200);
}

#[tokio::test]
async fn of_200_that_are_refused_at_once_one_renews() {
    let vault = Vault::new(&[("password", "before")]);
    let variables = [("REDIS_PASSWORD_SECRET_ID", "password")];
    let name = SecretName::RedisPassword;
    let environment = load(Some(vault.clone()), &variables, &[name]).await.unwrap();
    let clock = shared::clock::Clock::manual(domain::time::Timestamp::from_millis(0));
    environment.reader().secrets().start_clock(&clock);
    let live = environment.reader().optional_live_secret(name, plain_text).unwrap();
    assert_eq!(vault.take_calls(), 1);
    let renew = |refused: Arc<SecretString>| {
        let live = live.clone();
        async move { live.renew(&refused).await }
    };
    let refused = live.current();
    let all = together((0..200).map(|_| renew(refused.clone()))).await;
    assert_eq!(all.iter().filter(|renewed| **renewed).count(), 0, "it has not changed");
    assert_eq!(vault.take_calls(), 1);

    vault.put("password", "after");
    assert!(!renew(refused.clone()).await, "not again at once");
    tokio::time::sleep(Duration::from_millis(300)).await;
    let all = together((0..200).map(|_| renew(refused.clone()))).await;
    assert_eq!(all.iter().filter(|renewed| **renewed).count(), 200);
    assert_eq!(vault.take_calls(), 1);
    assert_eq!(live.current().expose_secret(), "after");
}

#[tokio::test]
async fn secrets_manager_is_asked_by_name_and_by_arn() {
    let aws = local_aws::cloud().await;
    let secrets = aws.secrets_manager();
    let name = format!("auth/{}/metrics", crate::rotation::unique());
    let made = secrets.create_secret().name(&name).secret_string(FIRST).send().await.unwrap();
    let arn = made.arn.unwrap();
    for id in [&name, &arn] {
        let variables = [("METRICS_TOKEN_SECRET_ID", id.as_str())];
        let names = [SecretName::MetricsToken];
        let environment = load(Some(aws.clone()), &variables, &names).await.unwrap();
        assert_eq!(text(&environment, SecretName::MetricsToken).as_deref(), Some(FIRST));
    }
    // One call gives those that are there.
    let binary = format!("{name}-binary");
    let blob = aws_sdk_secretsmanager::primitives::Blob::new(SECOND);
    let _ = secrets.create_secret().name(&binary).secret_binary(blob).send().await.unwrap();
    let ids = [arn.clone(), "auth/not-there".to_owned(), binary.clone()];
    let given = aws.secrets(&ids).await.unwrap();
    let given: Vec<_> = given.iter().map(|(id, text)| (id, text.expose_secret())).collect();
    assert_eq!(given, [(&arn, FIRST), (&binary, SECOND)]);
    let variables = [("METRICS_TOKEN_SECRET_ID", arn.as_str())];
    let stores = Stores::fresh().await;
    let service = Service::over_in_cloud(stores, Some(aws.clone()), &variables).await;
    let put = secrets.put_secret_value().secret_id(&name).secret_string(SECOND).send().await;
    assert!(put.is_ok());
    service.advance(REFRESH_BY);
    // Under load the local AWS may take longer than an answer waits.
    for _ in 0..20 {
        ask(&service).await;
        if metrics_with(&service, SECOND).await == 200 {
            break;
        }
        service.advance(MINUTE);
    }
    assert_eq!(metrics_with(&service, SECOND).await, 200);

    let missing = [("METRICS_TOKEN_SECRET_ID", "auth/not-there")];
    let error = load(Some(aws), &missing, &[SecretName::MetricsToken]).await.err().unwrap();
    let told = error.to_string();
    assert!(told.contains("METRICS_TOKEN_SECRET_ID") && told.contains("Secrets Manager"), "{told}");
    assert!(told.contains("ResourceNotFoundException"), "{told}");
}
