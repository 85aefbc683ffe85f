//! Configuration, as the whole service reads it: what is required, what is refused, and
//! what each function reads beside its environment in template.yaml.

use crate::template::document::{own_variables, template_variables};
use local::service::{EVENT_FUNCTIONS, FUNCTIONS, Function, ServiceState};
use secrecy::ExposeSecret as _;
use shared::clock::Clock;
use shared::config::Environment;
use shared::core::StartError;
use shared::limits::Limit;
use shared::secrets::SecretName;
use shared::tokens::PublicKeys;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

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

const GOOD: [(&str, &str); 8] = [
    ("STAGE", "local"),
    ("DATABASE_URL", "postgres://auth@127.0.0.1:5432/auth"),
    ("REDIS_URL", "redis://127.0.0.1:6379/0"),
    ("JWT_KEYS", "GOOD KEYS"),
    ("JWT_PUBLIC_KEYS", "GOOD KEYS"),
    ("PEPPER", r#"{"current":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}"#),
    ("DATA_KEYS", r#"{"current":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="}"#),
    ("PHONE_INDEX_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
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
        ("DATA_KEYS", "c2hvcnQ="),
        ("PHONE_INDEX_KEY", "c2hvcnQ="),
        ("ACCESS_TOKEN_TTL", "soon"),
        ("DEMO_MODE", "yes"),
        ("SMS_SENDER", "pigeon"),
        ("CORS_ORIGINS", "app.example.com"),
        ("JWT_AUDIENCE", "ws"),
        ("LOGIN_HISTORY_DAYS", "0"),
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
        "DATA_KEYS",
        "PHONE_INDEX_KEY",
        "CORS_ORIGINS",
        "SMS_SENDER",
        "DEMO_MODE",
        "JWT_AUDIENCE",
        "LOGIN_HISTORY_DAYS",
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
async fn production_sends_to_https_addresses_of_the_internet_alone() {
    let secret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let with_addresses = async |url: &'static str| {
        let variables = with(&[
            ("STAGE", "prod"),
            ("SMS_SENDER", "hook"),
            ("SMS_HOOK_URL", url),
            ("SMS_HOOK_SECRET", secret),
            ("SMS_ROUTES", "FR=twilio,GB=vonage"),
            ("TWILIO_ACCOUNT_SID", "AC1"),
            ("TWILIO_AUTH_TOKEN", "t"),
            ("TWILIO_FROM", "+15005550006"),
            ("TWILIO_API_URL", url),
            ("VONAGE_API_KEY", "k"),
            ("VONAGE_API_SECRET", "s"),
            ("VONAGE_FROM", "Whispr"),
            ("VONAGE_API_URL", url),
            ("SMS_CHALLENGE_URL", url),
            ("REDIS_URL", "rediss://cache:6379"),
            ("DATABASE_URL", "postgres://auth:pw@db/auth?sslmode=require"),
        ]);
        let mut names = names(read(&variables).await);
        names.sort_unstable();
        names
    };
    assert_eq!(with_addresses("https://messages.example/in").await, Vec::<&str>::new());
    for bad in ["http://messages.example/in", "https://10.1.2.3/in", "https://169.254.169.254/"] {
        assert_eq!(
            with_addresses(bad).await,
            ["SMS_CHALLENGE_URL", "SMS_HOOK_URL", "TWILIO_API_URL", "VONAGE_API_URL"]
        );
    }
}

#[tokio::test]
async fn a_route_is_a_known_country_and_a_known_sender() {
    let errors = async |routes| names(read(&with(&[("SMS_ROUTES", routes)])).await);
    for good in ["FR=inbox", "FR=inbox, US=inbox ,*=inbox", ""] {
        assert_eq!(errors(good).await, Vec::<&str>::new(), "{good}");
    }
    for bad in ["FR", "fr=inbox", "XX=inbox", "FR=pigeon", "FR=inbox,FR=inbox", "=inbox", "FR="] {
        assert_eq!(errors(bad).await, ["SMS_ROUTES"], "{bad}");
    }
    let both = with(&[("SMS_ROUTES", "*=inbox"), ("SMS_SENDER", "inbox")]);
    assert_eq!(names(read(&both).await), ["SMS_ROUTES"]);
}

#[tokio::test]
async fn a_short_access_token_is_refused_for_apps_that_would_refresh_without_end() {
    let short = [("ACCESS_TOKEN_TTL", "299"), ("LEGACY_CLIENTS", "true")];
    assert_eq!(names(read(&with(&short)).await), ["ACCESS_TOKEN_TTL"]);
    assert_eq!(names(read(&with(&short[..1])).await), Vec::<&str>::new());
    let long = [("ACCESS_TOKEN_TTL", "300"), ("LEGACY_CLIENTS", "true")];
    assert_eq!(names(read(&with(&long)).await), Vec::<&str>::new());
}

#[tokio::test]
async fn a_brand_leaves_room_for_a_code() {
    let long = "A brand that fills most of a message of one hundred and sixty letters by itself";
    assert_eq!(names(read(&with(&[("SMS_BRAND", long)])).await), ["SMS_BRAND"]);
}

#[tokio::test]
async fn documentation_is_closed_in_production_unless_it_is_opened() {
    let of = async |more: &[(&'static str, &'static str)]| {
        let stores = [
            ("REDIS_URL", "rediss://cache:6379"),
            ("DATABASE_URL", "postgres://auth:pw@db/auth?sslmode=require"),
            ("SMS_SENDER", "vonage"),
            ("VONAGE_API_KEY", "k"),
            ("VONAGE_API_SECRET", "s"),
            ("VONAGE_FROM", "Whispr"),
        ];
        let all: Vec<_> = more.iter().chain(&stores).copied().collect();
        read(&with(&all)).await.expect("a configuration").platform.has_docs
    };
    assert!(!of(&[("STAGE", "prod")]).await);
    assert!(of(&[("STAGE", "prod"), ("DOCS", "on")]).await);
    for stage in ["local", "dev", "staging"] {
        assert!(of(&[("STAGE", stage)]).await, "{stage}");
        assert!(!of(&[("STAGE", stage), ("DOCS", "off")]).await, "{stage}");
    }
    assert_eq!(names(read(&with(&[("DOCS", "maybe")])).await), ["DOCS"]);
}

#[tokio::test]
async fn a_metrics_token_that_can_be_guessed_is_refused() {
    let long = "a-metrics-token-of-32-characters";
    assert_eq!(names(read(&with(&[("METRICS_TOKEN", long)])).await), Vec::<&str>::new());
    assert_eq!(names(read(&with(&[("METRICS_TOKEN", &long[1..])])).await), ["METRICS_TOKEN"]);
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
        ("DB_PASSWORD", "p@ss/w%41rd"),
    ]
    .into_iter()
    .chain(GOOD.iter().copied().filter(|(name, _)| *name != "DATABASE_URL"))
    .collect();
    let state = read(&parts).await.unwrap();
    let url = state.core.config.postgres.address.url();
    assert_eq!(url.expose_secret(), "postgres://me:p%40ss%2Fw%2541rd@db:5432/auth?sslmode=require");
}

#[tokio::test]
async fn what_is_not_a_certificate_is_refused_at_the_start() {
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let open = "-----BEGIN CERTIFICATE-----\nMIIB";
    let secure = ("DATABASE_URL", "postgres://auth@db/auth?sslmode=require");
    for bad in ["hunter2", "RDS", broken, open, "/etc/ssl/certs/ca.pem"] {
        for address in [secure, ("DATABASE_URL", "postgres://auth@db/auth?sslmode=disable")] {
            let refused = names(read(&with(&[("DATABASE_CA", bad), address])).await);
            assert_eq!(refused, ["DATABASE_CA"], "{bad}");
        }
    }
    assert_eq!(names(read(&with(&[("DATABASE_CA", "rds"), secure])).await), Vec::<&str>::new());
}

#[tokio::test]
async fn a_secret_of_rds_needs_a_host_and_a_login() {
    let json = |text: &'static str, more: &[(&'static str, &'static str)]| {
        with(&[&[("DATABASE_URL", text)], more].concat())
    };
    let login = r#"{"username":"me","password":"p@ss/word"}"#;
    assert_eq!(names(read(&json(login, &[])).await), ["DATABASE_URL"], "no host");
    for bad in ["{", r#"{"username":"me"}"#, r#"{"username":"me","password":"p","port":"x"}"#] {
        assert_eq!(names(read(&json(bad, &[("DB_HOST", "db")])).await), ["DATABASE_URL"], "{bad}");
    }
    let state = read(&json(login, &[("DB_HOST", "db"), ("DB_NAME", "auth")])).await.unwrap();
    let url = state.core.config.postgres.address.url();
    assert_eq!(url.expose_secret(), "postgres://me:p%40ss%2Fword@db:5432/auth?sslmode=require");
}

#[tokio::test]
async fn what_needs_aws_is_refused_elsewhere() {
    let group = ("ELASTICACHE_REPLICATION_GROUP_ID", "auth-cache");
    let parts =
        [("DATABASE_URL", ""), ("DB_HOST", "db"), ("DB_NAME", "auth"), ("DB_USERNAME", "u")];
    for (variables, refused) in [
        (&[&[("DB_IAM_AUTH", "true")], &parts[..]].concat()[..], &["DB_IAM_AUTH"][..]),
        (&[("DB_IAM_AUTH", "true")], &["DB_IAM_AUTH"]),
        (&[group, ("REDIS_URL", "")], &["ELASTICACHE_REPLICATION_GROUP_ID", "REDIS_URL"]),
        (&[group, ("ELASTICACHE_SERVERLESS_NAME", "s")], &["ELASTICACHE_SERVERLESS_NAME"]),
        (&[("REDIS_IAM_AUTH", "true")], &["REDIS_USERNAME", "REDIS_IAM_AUTH"]),
        (&[group, ("REDIS_IAM_AUTH", "true"), ("REDIS_USERNAME", "u")], &["REDIS_IAM_AUTH"]),
    ] {
        assert_eq!(names(read(&with(variables)).await), refused, "{variables:?}");
    }
}

#[tokio::test]
async fn a_twilio_fallback_names_what_it_lacks() {
    assert_eq!(
        names(read(&with(&[("SMS_FALLBACK", "twilio")])).await),
        ["TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_FROM"]
    );
}

#[tokio::test]
async fn a_sender_of_aws_needs_a_program_that_is_built_for_it() {
    for (variable, value) in [
        ("SMS_SENDER", "sns"),
        ("SMS_SENDER", "end-user-messaging"),
        ("SMS_FALLBACK", "sns"),
        ("SMS_ROUTES", "FR=end-user-messaging"),
    ] {
        let result = read(&with(&[(variable, value)])).await;
        let text = result.as_ref().err().expect("an error").to_string();
        assert!(text.contains("built without AWS"), "{text}");
        assert_eq!(names(result), [variable], "{value}");
    }
    let of_sns =
        [("SMS_SENDER", "sns"), ("SNS_SENDER_ID", "two words"), ("SNS_MAX_PRICE", "1 euro")];
    let expected = ["SNS_SENDER_ID", "SNS_MAX_PRICE", "SMS_SENDER"];
    assert_eq!(names(read(&with(&of_sns)).await), expected);
    let of_eum = [("SMS_FALLBACK", "end-user-messaging"), ("EUM_MAX_PRICE", "1")];
    assert_eq!(names(read(&with(&of_eum)).await), ["EUM_MAX_PRICE", "SMS_FALLBACK"]);
}

/// What is read beside the configuration.
const LOGGING: &str = "LOG_LEVEL";
/// What AWS's own code reads.
const OF_AWS: &str = "AWS_USE_DUALSTACK_ENDPOINT";
/// Read where the address of a store is given in parts, or where `SETTINGS` name them.
const NOT_IN_THE_TEMPLATE: [SecretName; 6] = [
    SecretName::DatabasePassword,
    SecretName::RedisPassword,
    SecretName::RedisSentinelPassword,
    SecretName::CaptchaSecret,
    SecretName::MetricsToken,
    SecretName::TestPhoneNumbers,
];

#[tokio::test]
async fn each_function_is_given_the_variables_and_secrets_that_its_code_reads_and_no_other() {
    let read = local::service::variables_read().await.unwrap();
    for Function { name, secrets, .. } in FUNCTIONS {
        let read = &read[name];
        let given = template_variables(name);
        for variable in &given {
            let name_of_secret = variable.strip_suffix("_SECRET_ID").unwrap_or(variable);
            assert!(
                [LOGGING, OF_AWS].contains(&variable.as_str()) || read.contains(name_of_secret),
                "template.yaml gives {variable} to {name}, which does not read it"
            );
        }
        for secret in secrets.iter().filter(|secret| !NOT_IN_THE_TEMPLATE.contains(secret)) {
            assert!(read.contains(secret.variable()), "{name} declares {secret:?} in vain");
            assert!(
                given.contains(secret.id_variable()),
                "template.yaml does not give {} to {name}",
                secret.variable()
            );
        }
        let signs = ["login", "tokens", "devices"].contains(&name);
        assert_eq!(given.contains("JWT_KEYS_SECRET_ID"), signs, "private keys and {name}");
        let digests =
            ["verify", "login", "devices", "prekeys", "two-factor", "account"].contains(&name);
        assert_eq!(given.contains("PEPPER_SECRET_ID"), digests, "the pepper and {name}");
        let decrypts = ["login", "devices", "two-factor", "account"].contains(&name);
        assert_eq!(given.contains("DATA_KEYS_SECRET_ID"), decrypts, "the data keys and {name}");
        let index = ["verify", "login", "devices", "account"].contains(&name);
        assert_eq!(given.contains("PHONE_INDEX_KEY_SECRET_ID"), index, "the index and {name}");
    }
}

#[tokio::test]
async fn a_function_with_events_of_its_own_is_given_what_its_code_reads() {
    let read = local::service::variables_read().await.unwrap();
    for function in EVENT_FUNCTIONS {
        let (name, read, given) =
            (function.name, &read[function.name], template_variables(function.name));
        for variable in own_variables(name) {
            let of_secret = variable.strip_suffix("_SECRET_ID").unwrap_or(&variable);
            assert!(read.contains(of_secret), "{name} is given {variable} and does not read it");
        }
        let secrets = function.secrets.iter();
        for secret in secrets.filter(|secret| !NOT_IN_THE_TEMPLATE.contains(secret)) {
            let id = secret.id_variable();
            assert!(given.contains(id), "template.yaml does not give {id} to {name}");
        }
    }
}

#[tokio::test]
async fn a_secret_is_replaced_while_the_process_runs_and_a_bad_one_is_not() {
    let make = || local::service::new_keys()["JWT_PUBLIC_KEYS"].clone();
    let (first, second) = (make(), make());
    let stored = Arc::new(Mutex::new(first.clone()));
    let lookup = {
        let stored = stored.clone();
        Arc::new(move |_: &str| Some(stored.lock().unwrap().clone()))
    };
    let name = SecretName::JwtPublicKeys;
    let environment = Environment::from_lookup(lookup, &[name]).await.unwrap();
    let mut env = environment.reader();
    let keys = env.live_secret(name, PublicKeys::parse).expect("keys");
    assert_eq!(keys.current().document(), first);
    (*stored.lock().unwrap()).clone_from(&second);
    assert_eq!(keys.current().document(), first, "not before it is loaded again");
    keys.refresh().await.unwrap();
    assert_eq!(keys.current().document(), second);
    for bad in ["", "{}", "hunter2"] {
        bad.clone_into(&mut stored.lock().unwrap());
        let error = keys.refresh().await.unwrap_err();
        assert!(!error.to_string().contains("hunter2"));
        assert_eq!(keys.current().document(), second, "the value before stays in use");
    }
}

#[tokio::test]
async fn every_variable_is_described_and_every_description_has_its_variable() {
    let read = local::service::variables_read().await.unwrap();
    let read: BTreeSet<&str> = read.values().flatten().map(String::as_str).collect();
    let limits: BTreeSet<&str> = Limit::ALL.into_iter().map(Limit::variable).collect();
    let always = local::configuration::ALWAYS_READ;
    let described: BTreeSet<&str> =
        local::configuration::VARIABLES.iter().flat_map(|one| one.names).copied().collect();
    let expected = read.union(&limits).chain(&always).copied().collect::<BTreeSet<_>>();
    let ids = SecretName::ALL.map(SecretName::id_variable);
    let all = described.union(&limits).chain(&always).chain(&ids);
    let all = all.copied().collect::<BTreeSet<_>>();
    assert_eq!(all, expected);
    assert!(limits.is_subset(&read), "a limit that cannot be set");
}

/// What the template decides by its parameters, or the deployment by its names.
const NOT_IN_SETTINGS: [&str; 12] = [
    "AUDIT_ROOT_BUCKET",
    "AUDIT_ROOT_KMS_KEY",
    "DATABASE_FUNCTIONS_ROLE",
    "ELASTICACHE_REPLICATION_GROUP_ID",
    "ELASTICACHE_SERVERLESS_NAME",
    "RELAY_FUNCTION",
    "SECURITY_LOG_TABLE",
    "SETTINGS",
    "SMS_SENDER",
    "STAGE",
    "USER_SERVICE_FUNCTION",
    "VERIFY_FUNCTION",
];

#[test]
fn settings_hold_every_variable_that_is_no_secret_and_that_the_template_does_not_decide() {
    let secrets = SecretName::ALL.map(SecretName::variable);
    let described: BTreeSet<&str> =
        local::configuration::VARIABLES.iter().flat_map(|one| one.names).copied().collect();
    let names: BTreeSet<&str> = shared::config::settings::NAMES.into_iter().collect();
    let is_decided = |name: &&str| secrets.contains(name) || NOT_IN_SETTINGS.contains(name);
    let open: BTreeSet<&str> = described.into_iter().filter(|name| !is_decided(name)).collect();
    assert_eq!(names, open);
}

#[tokio::test]
async fn settings_are_read_by_every_function_and_a_bad_text_is_refused() {
    let settings = |text: &'static str| with(&[("SETTINGS", text)]);
    let state = read(&settings("SMS_BRAND=Other;SMS_SENDER=inbox")).await;
    assert_eq!(names(state), ["SETTINGS"], "the sender is a parameter");
    let state = read(&settings("NUMBER_IDLE_DAYS=31;RATE_LIMIT_PHONE_HOUR=7/3600")).await.unwrap();
    assert_eq!(state.core.config.limits.rule(Limit::PhonePerHour).burst, 7);
    for bad in ["PEPPER=x", "STAGE=local", "SMS_BRANT=x", "no pair"] {
        assert_eq!(names(read(&settings(bad)).await), ["SETTINGS"], "{bad}");
    }
    assert_eq!(names(read(&settings("NUMBER_IDLE_DAYS=1")).await), ["NUMBER_IDLE_DAYS"]);
}

#[tokio::test]
async fn redis_may_be_a_cluster_or_told_by_sentinels() {
    let without: Vec<_> = GOOD.iter().filter(|(name, _)| *name != "REDIS_URL").copied().collect();
    let read_with = async |more: &[(&'static str, &'static str)]| {
        let all: Vec<_> = more.iter().chain(&without).copied().collect();
        names(read(&all).await)
    };
    let sentinels = ("REDIS_SENTINEL_NODES", "a:26379, b:26379,[::1]:26379");
    for good in [
        &[sentinels, ("REDIS_SENTINEL_NAME", "auth"), ("REDIS_SENTINEL_PASSWORD", "s")][..],
        &[sentinels, ("REDIS_USERNAME", "u"), ("REDIS_PASSWORD", "p"), ("REDIS_TLS", "false")],
        &[("REDIS_CLUSTER", "true"), ("REDIS_URL", "rediss://cluster:6379")],
        &[("REDIS_CLUSTER", "true"), ("REDIS_CLUSTER_NODES", "a:6379,b:6379")],
    ] {
        assert_eq!(read_with(good).await, Vec::<&str>::new(), "{good:?}");
    }
    for (bad, variable) in [
        (&[][..], "REDIS_URL"),
        (&[("REDIS_CLUSTER", "true")], "REDIS_URL"),
        (&[("REDIS_CLUSTER", "perhaps"), ("REDIS_URL", "redis://a/")], "REDIS_CLUSTER"),
        (&[("REDIS_SENTINEL_NODES", "a:26379,b")], "REDIS_SENTINEL_NODES"),
        (&[("REDIS_SENTINEL_NODES", "a:0")], "REDIS_SENTINEL_NODES"),
        (&[("REDIS_SENTINEL_NODES", ":1")], "REDIS_SENTINEL_NODES"),
        (&[sentinels, ("REDIS_CLUSTER", "true")], "REDIS_CLUSTER"),
        (&[("REDIS_CLUSTER_NODES", "a:1"), ("REDIS_URL", "redis://a/")], "REDIS_CLUSTER_NODES"),
    ] {
        assert!(read_with(bad).await.contains(&variable), "{bad:?}");
    }
    let prod = read_with(&[("STAGE", "prod"), sentinels, ("REDIS_TLS", "false")]).await;
    assert!(prod.contains(&"REDIS_TLS"), "{prod:?}");
    let prod = read_with(&[("STAGE", "prod"), sentinels]).await;
    assert!(!prod.iter().any(|name| name.starts_with("REDIS")), "{prod:?}");
}
