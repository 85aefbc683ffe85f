//! Configuration, as the whole service reads it: what is required, what is refused, and
//! what each function reads beside its environment in template.yaml.

use local::service::ServiceState;
use secrecy::ExposeSecret as _;
use shared::clock::Clock;
use shared::core::StartError;
use std::collections::HashMap;
use std::sync::Arc;

async fn read(variables: &[(&str, &str)]) -> Result<ServiceState, StartError> {
    let keys = local::service::new_keys();
    let all: HashMap<String, String> = variables
        .iter()
        .rev()
        .map(|(name, value)| {
            let made = if *value == "GOOD KEYS" { keys.get(*name) } else { None };
            ((*name).to_owned(), made.cloned().unwrap_or_else(|| (*value).to_owned()))
        })
        .collect();
    ServiceState::read(Arc::new(move |name| all.get(name).cloned()), Clock::System).await
}

const GOOD: [(&str, &str); 6] = [
    ("STAGE", "local"),
    ("DATABASE_URL", "postgres://auth@127.0.0.1:5432/auth"),
    ("REDIS_URL", "redis://127.0.0.1:6379/0"),
    ("JWT_KEYS", "GOOD KEYS"),
    ("JWT_PUBLIC_KEYS", "GOOD KEYS"),
    ("PEPPER", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
];

fn with(more: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    // The first of a name counts, so the additions go in front.
    more.iter().chain(GOOD.iter()).copied().collect()
}

fn names(result: Result<ServiceState, StartError>) -> Vec<&'static str> {
    match result {
        Err(StartError::Config(errors)) => errors.0.into_iter().map(|e| e.variable).collect(),
        Err(StartError::Secret(error)) => panic!("{error}"),
        Ok(_) => Vec::new(),
    }
}

#[tokio::test]
async fn local_needs_little() {
    let state = read(&GOOD).await.unwrap();
    assert!(state.core.config.limits.enabled && !state.verify.sms.demo_mode);
}

#[tokio::test]
async fn every_error_is_reported_at_once_and_no_value() {
    let errors = read(&[
        ("STAGE", "local"),
        ("REDIS_URL", "hunter2"),
        ("PEPPER", "c2hvcnQ="),
        ("ACCESS_TOKEN_TTL", "soon"),
        ("DEMO_MODE", "yes"),
        ("SMS_SENDER", "pigeon"),
        ("CORS_ORIGINS", "app.example.com"),
        ("JWT_AUDIENCE", "ws"),
        ("JWT_KEYS", "{}"),
    ])
    .await
    .err()
    .expect("errors");
    let text = errors.to_string();
    for name in [
        "DATABASE_URL",
        "REDIS_URL",
        "JWT_KEYS",
        "JWT_PUBLIC_KEYS",
        "ACCESS_TOKEN_TTL",
        "PEPPER",
        "CORS_ORIGINS",
        "SMS_SENDER",
        "DEMO_MODE",
        "JWT_AUDIENCE",
    ] {
        assert!(text.contains(name), "{name} is missing in: {text}");
    }
    for value in ["hunter2", "c2hvcnQ=", "soon", "pigeon"] {
        assert!(!text.contains(value), "{value} leaked: {text}");
    }
}

#[tokio::test]
async fn production_refuses_what_is_not_safe() {
    assert_eq!(
        names(
            read(&with(&[
                ("STAGE", "prod"),
                ("DEMO_MODE", "true"),
                ("RATE_LIMITS", "off"),
                ("SMS_SENDER", "inbox")
            ]))
            .await
        ),
        ["DATABASE_URL", "REDIS_URL", "RATE_LIMITS", "SMS_SENDER", "DEMO_MODE"]
    );
    let good = with(&[
        ("STAGE", "prod"),
        ("SMS_SENDER", "twilio"),
        ("TWILIO_ACCOUNT_SID", "AC1"),
        ("TWILIO_AUTH_TOKEN", "t"),
        ("TWILIO_FROM", "+15005550006"),
        ("REDIS_URL", "rediss://cache:6379"),
        ("DATABASE_URL", "postgres://auth:pw@db/auth?sslmode=require"),
    ]);
    assert_eq!(names(read(&good).await), Vec::<&str>::new());
    let without: Vec<_> = good.into_iter().filter(|(name, _)| *name != "SMS_SENDER").collect();
    assert_eq!(names(read(&without).await), ["SMS_SENDER"]);
}

#[tokio::test]
async fn no_stage_means_production() {
    let without: Vec<_> = GOOD.iter().skip(1).copied().collect();
    assert!(names(read(&without).await).contains(&"REDIS_URL"));
}

#[tokio::test]
async fn the_database_may_be_told_in_parts() {
    let parts: Vec<_> = [
        ("DB_HOST", "db"),
        ("DB_NAME", "auth"),
        ("DB_USERNAME", "me"),
        ("DB_PASSWORD", "p@ss/word"),
    ]
    .into_iter()
    .chain(GOOD.iter().copied().filter(|(name, _)| *name != "DATABASE_URL"))
    .collect();
    let state = read(&parts).await.unwrap();
    let url = &state.core.config.postgres.url;
    assert_eq!(url.expose_secret(), "postgres://me:p%40ss%2Fword@db:5432/auth?sslmode=require");
}

#[tokio::test]
async fn a_twilio_fallback_names_what_it_lacks() {
    assert_eq!(
        names(read(&with(&[("SMS_FALLBACK", "twilio")])).await),
        ["TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_FROM"]
    );
}
