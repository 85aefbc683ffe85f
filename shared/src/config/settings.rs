//! `SETTINGS`: variables that are set together in one. A deployment passes on what an operator
//! decides seldom, without a parameter of its own for each.
//!
//! The text is `NAME=value;NAME=value`, or one a line. What stands here counts more than a
//! variable of the same name.

use std::collections::HashMap;
use std::sync::Arc;

use super::error::ConfigError;
use crate::limits::Limit;
use crate::secrets::{Lookup, SecretName};

pub const VARIABLE: &str = "SETTINGS";

/// What `SETTINGS` may hold beside single limits and the names of secrets. `STAGE` is not among
/// it, and no secret.
pub const NAMES: [&str; 66] = [
    "ACCESS_TOKEN_TTL",
    "AUTHORIZER_CACHE_SECONDS",
    "AUTHORIZER_DPOP",
    "CORS_ORIGINS",
    "DATABASE_CA",
    "DATABASE_POOL",
    "DATABASE_RESUME_SECONDS",
    "DATABASE_STATEMENTS",
    "DB_HOST",
    "DB_IAM_AUTH",
    "DB_NAME",
    "DB_PORT",
    "DB_SSLMODE",
    "DB_USERNAME",
    "DEMO_MODE",
    "DOCS",
    "EUM_CONFIGURATION_SET",
    "EUM_ENTITY_ID",
    "EUM_MAX_PRICE",
    "EUM_ORIGINATION_IDENTITY",
    "EUM_PROTECT_CONFIGURATION_ID",
    "EUM_TEMPLATE_ID",
    "EVENTS_REDIS_STREAM",
    "JWT_AUDIENCE",
    "JWT_ISSUER",
    "LEGACY_CLIENTS",
    "LOGIN_HISTORY_DAYS",
    "LOG_LEVEL",
    "LOG_SUCCESS_SAMPLE",
    "MAINTENANCE_SECONDS",
    "METRICS_ENABLED",
    "NUMBER_IDLE_DAYS",
    "ONE_TIME_KEYS_BURST",
    "PUBLIC_ORIGINS",
    "RATE_LIMITS",
    "REDIS_CLUSTER",
    "REDIS_CLUSTER_NODES",
    "REDIS_IAM_AUTH",
    "REDIS_SENTINEL_NAME",
    "REDIS_SENTINEL_NODES",
    "REDIS_TLS",
    "REDIS_USERNAME",
    "RELAY_SECONDS",
    "SECURITY_LOG_DAYS",
    "SMS_APP_HASH",
    "SMS_BRAND",
    "SMS_BUDGET_GLOBAL",
    "SMS_BUDGET_PER_COUNTRY",
    "SMS_CHALLENGE_URL",
    "SMS_DOMAIN",
    "SMS_FALLBACK",
    "SMS_HOOK_URL",
    "SMS_RATE_LIMIT_PER_HOUR",
    "SMS_RATE_LIMIT_PER_MINUTE",
    "SMS_ROUTES",
    "SNS_ENTITY_ID",
    "SNS_MAX_PRICE",
    "SNS_SENDER_ID",
    "SNS_TEMPLATE_ID",
    "TWILIO_ACCOUNT_SID",
    "TWILIO_API_URL",
    "TWILIO_FROM",
    "VIEWER_ADDRESS_HEADER",
    "VONAGE_API_KEY",
    "VONAGE_API_URL",
    "VONAGE_FROM",
];

/// The variables of a process with those of its `SETTINGS` before them, and what is wrong with
/// these.
pub(super) fn with_settings(lookup: Lookup) -> (Lookup, Option<ConfigError>) {
    let Some(text) = lookup(VARIABLE) else { return (lookup, None) };
    match parse(&text) {
        Ok(settings) => {
            let with = move |name: &str| settings.get(name).cloned().or_else(|| lookup(name));
            (Arc::new(with), None)
        }
        Err(error) => (lookup, Some(ConfigError { variable: VARIABLE, error })),
    }
}

/// One variable, for what is read before the configuration. A malformed text counts as absent
/// here: the configuration refuses it.
#[must_use]
pub fn variable(name: &str) -> Option<String> {
    let settings = std::env::var(VARIABLE).ok().and_then(|text| parse(&text).ok());
    settings.and_then(|mut all| all.remove(name)).or_else(|| std::env::var(name).ok())
}

fn parse(text: &str) -> Result<HashMap<String, String>, &'static str> {
    let mut settings = HashMap::new();
    let parts = text.split([';', '\n']).map(str::trim).filter(|part| !part.is_empty());
    for part in parts {
        let (name, value) = part.split_once('=').ok_or("must be NAME=value;NAME=value")?;
        let (name, value) = (name.trim(), value.trim());
        if SecretName::ALL.iter().any(|secret| secret.variable() == name) {
            return Err("holds a secret: name it by its variable with _SECRET_ID");
        }
        if !is_known(name) {
            return Err("holds a name that is none of its variables (docs/configuration.md)");
        }
        if settings.insert(name.to_owned(), value.to_owned()).is_some() {
            return Err("holds a variable twice");
        }
    }
    Ok(settings)
}

fn is_known(name: &str) -> bool {
    NAMES.contains(&name)
        || SecretName::ALL.iter().any(|secret| secret.id_variable() == name)
        || Limit::ALL.iter().any(|limit| limit.variable() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_may_hold_what_separates_nothing() {
        let settings =
            parse("SMS_BRAND=A b; SMS_ROUTES=FR=sns,*=hook;\nRATE_LIMIT_PHONE_HOUR=9/9\n;");
        let settings = settings.unwrap();
        let value = |name: &str| settings.get(name).map(String::as_str);
        assert_eq!(value("SMS_BRAND"), Some("A b"));
        assert_eq!(value("SMS_ROUTES"), Some("FR=sns,*=hook"));
        assert_eq!(value("RATE_LIMIT_PHONE_HOUR"), Some("9/9"));
        assert_eq!(settings.len(), 3);
    }

    #[test]
    fn what_counts_stands_in_the_settings() {
        let lookup: Lookup = Arc::new(|name| match name {
            "SETTINGS" => Some("SMS_BRAND=Other".to_owned()),
            "SMS_BRAND" | "STAGE" => Some("given".to_owned()),
            _ => None,
        });
        let (lookup, error) = with_settings(lookup);
        assert_eq!(error, None);
        assert_eq!(lookup("SMS_BRAND").as_deref(), Some("Other"));
        assert_eq!(lookup("STAGE").as_deref(), Some("given"));
        assert_eq!(lookup("DOCS"), None);
    }

    #[test]
    fn secrets_the_stage_and_unknown_names_are_refused() {
        for bad in ["STAGE=dev", "PEPPER=x", "SMS_BRND=x", "SMS_BRAND", "DOCS=on;DOCS=on", "=x"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(parse("TWILIO_AUTH_TOKEN_SECRET_ID=auth/prod/twilio").is_ok());
    }

    #[test]
    fn names_are_sorted_and_no_secrets() {
        assert!(NAMES.is_sorted());
        assert!(!SecretName::ALL.iter().any(|secret| NAMES.contains(&secret.variable())));
    }
}
