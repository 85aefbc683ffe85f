//! What is read, and what is refused.

use super::*;
use crate::limits::policy::Limit;
use crate::tokens::new_jwt_keys;
use secrecy::ExposeSecret as _;

fn read(variables: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    let keys = new_jwt_keys();
    Config::from_lookup(|name| {
        let value = variables.iter().find(|(n, _)| *n == name).map(|(_, value)| *value)?;
        Some(if value == "GOOD KEYS" { keys.clone() } else { value.to_owned() })
    })
}

const GOOD: [(&str, &str); 5] = [
    ("STAGE", "local"),
    ("DATABASE_URL", "postgres://auth@127.0.0.1:5432/auth"),
    ("REDIS_URL", "redis://127.0.0.1:6379/0"),
    ("JWT_KEYS", "GOOD KEYS"),
    ("PEPPER", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
];

fn with(more: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    // The first of a name counts, so the additions go in front.
    more.iter().chain(GOOD.iter()).copied().collect()
}

fn names(result: Result<Config, ConfigErrors>) -> Vec<&'static str> {
    result.err().map_or_else(Vec::new, |f| f.0.into_iter().map(|f| f.variable).collect())
}

#[test]
fn local_needs_little() {
    let config = read(&GOOD).unwrap();
    assert_eq!(config.limits.rule(Limit::PhonePerMinute).burst, 5);
    assert!(config.limits.enabled && !config.demo_mode);
}

#[test]
fn every_fault_is_told_at_once_and_no_value() {
    let faults = read(&[
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
    .unwrap_err();
    let text = faults.to_string();
    for name in [
        "DATABASE_URL",
        "REDIS_URL",
        "JWT_KEYS",
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

#[test]
fn production_refuses_what_is_not_safe() {
    assert_eq!(
        names(read(&with(&[
            ("STAGE", "prod"),
            ("DEMO_MODE", "true"),
            ("RATE_LIMITS", "off"),
            ("SMS_SENDER", "inbox")
        ]))),
        ["DEMO_MODE", "RATE_LIMITS", "SMS_SENDER", "REDIS_URL", "DATABASE_URL"]
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
    assert_eq!(names(read(&good)), Vec::<&str>::new());
    assert!(read(&good).unwrap().with_sender().is_ok());
    let without: Vec<_> = good.into_iter().filter(|(name, _)| *name != "SMS_SENDER").collect();
    assert_eq!(names(read(&without).unwrap().with_sender()), ["SMS_SENDER"]);
}

#[test]
fn no_stage_means_production() {
    let without: Vec<_> = GOOD.iter().skip(1).copied().collect();
    assert!(names(read(&without)).contains(&"REDIS_URL"));
}

#[test]
fn the_database_may_be_told_in_parts() {
    let parts: Vec<_> = [
        ("DB_HOST", "db"),
        ("DB_NAME", "auth"),
        ("DB_USERNAME", "me"),
        ("DB_PASSWORD", "p@ss/word"),
    ]
    .into_iter()
    .chain(GOOD.iter().copied().filter(|(name, _)| *name != "DATABASE_URL"))
    .collect();
    let url = read(&parts).unwrap().database_url;
    assert_eq!(url.expose_secret(), "postgres://me:p%40ss%2Fword@db:5432/auth?sslmode=require");
}

#[test]
fn a_twilio_fallback_names_what_it_lacks() {
    assert_eq!(
        names(read(&with(&[("SMS_FALLBACK", "twilio")]))),
        ["TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_FROM"]
    );
}
