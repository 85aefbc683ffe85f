//! The variables that configure the service, as docs/configuration.md describes them.
//! `cargo local generate` writes that page; a test holds the list and the code together.

use shared::limits::{Limit, OnOutage};
use shared::secrets::SecretName;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Some variables that belong together, and what they mean.
pub struct Variable {
    pub names: &'static [&'static str],
    pub meaning: &'static str,
    /// What `cargo local` sets.
    pub local: &'static str,
    pub default: &'static str,
}

const fn variable(
    names: &'static [&'static str],
    meaning: &'static str,
    local: &'static str,
    default: &'static str,
) -> Variable {
    Variable { names, meaning, local, default }
}

/// All variables but those of single limits, which follow from [`Limit`], and those that name secrets
/// of a cloud, which follow from [`SecretName`].
pub const VARIABLES: &[Variable] = &[
    variable(&["STAGE"], "`local`, `dev`, `staging` or `prod`", "`local`", "`prod`, the strictest"),
    variable(
        &["DATABASE_URL"],
        "`postgres://user:password@host:5432/name?sslmode=require`, or the JSON of a secret of RDS (`username`, `password`, and maybe `host`, `port`, `dbname`; the rest is taken from `DB_…`)",
        "its own Postgres",
        "required",
    ),
    variable(
        &["DB_HOST", "DB_PORT", "DB_NAME", "DB_USERNAME", "DB_PASSWORD", "DB_SSLMODE"],
        "the same in parts, if `DATABASE_URL` is not set",
        "",
        "port 5432, `require`",
    ),
    variable(
        &["DB_IAM_AUTH"],
        "`true` logs in to RDS by IAM: `DB_USERNAME` has the role `rds_iam`, and `DB_PASSWORD` is not used. Only in AWS, with `DB_HOST` and `DB_SSLMODE=require`",
        "",
        "`false`",
    ),
    variable(
        &["DATABASE_CA"],
        "certificate authorities to trust for Postgres besides the public ones: PEM text, or `rds` for those of RDS",
        "",
        "none",
    ),
    variable(
        &["DATABASE_POOL"],
        "connections that are kept open, 1 to 100",
        "8",
        "1 in Lambda, else 8",
    ),
    variable(
        &["DATABASE_STATEMENTS"],
        "`named` prepares each statement once per connection and sets the server's time-outs per \
         connection. `unnamed` does neither, for a proxy that pins such sessions",
        "",
        "`named`",
    ),
    variable(
        &["DATABASE_RESUME_SECONDS"],
        "how long the maintenance and the scheduled relay wait for a database that pauses while nobody uses it, 0 to 120",
        "",
        "30",
    ),
    variable(
        &["REDIS_URL"],
        "`rediss://…` (TLS) or `redis://…`",
        "its own Redis",
        "required, unless nodes are given",
    ),
    variable(
        &["REDIS_CLUSTER", "REDIS_CLUSTER_NODES"],
        "`true` if Redis is a cluster: `REDIS_URL` or `host:port,…` names nodes to begin with",
        "",
        "`false`, none",
    ),
    variable(
        &["REDIS_SENTINEL_NODES", "REDIS_SENTINEL_NAME", "REDIS_SENTINEL_PASSWORD"],
        "`host:port,…` of the sentinels, the name of their master, and their own password",
        "",
        "none, `mymaster`, none",
    ),
    variable(
        &["REDIS_USERNAME", "REDIS_PASSWORD", "REDIS_TLS"],
        "the login of the servers of Redis, in place of one in `REDIS_URL`; whether TLS is used with sentinels, the servers that they name, and `REDIS_CLUSTER_NODES`",
        "",
        "none, none, `true`",
    ),
    variable(
        &["ELASTICACHE_REPLICATION_GROUP_ID", "ELASTICACHE_SERVERLESS_NAME"],
        "a cache of ElastiCache by its name, in place of `REDIS_URL`: its address, TLS and cluster mode are looked up. Only in AWS",
        "",
        "none",
    ),
    variable(
        &["REDIS_IAM_AUTH"],
        "`true` logs in to ElastiCache by IAM as `REDIS_USERNAME`. The cache is named by one of the two variables before, also where `REDIS_URL` gives the address",
        "",
        "`false`",
    ),
    variable(
        &["JWT_KEYS"],
        "private signing keys, as `cargo local keys` prints them: JSON with `current` and optionally `next` (P-256 keys, PEM or base64 of PKCS#8), and the public halves of `previous` and `retired` keys",
        "kept per instance",
        "required",
    ),
    variable(
        &["JWT_PUBLIC_KEYS"],
        "public keys that verify tokens, as a JWKS",
        "kept per instance",
        "required",
    ),
    variable(
        &["PEPPER"],
        "JSON with `current`, and `next` and `previous` (a list) where there are any, as `cargo local keys` prints it; each is the base64 of at least 32 random bytes. The keys of codes, devices and encryption are derived from it",
        "kept per instance",
        "required",
    ),
    variable(
        &["DATA_KEYS"],
        "JSON as `PEPPER`, with secrets of its own. They encrypt the secrets of second factors in the database. A key that is removed while a secret is under it makes that secret unreadable",
        "kept per instance",
        "required",
    ),
    variable(
        &["PHONE_INDEX_KEY"],
        "base64 of at least 32 random bytes, which never change. Digests under it stand in names of Redis keys in place of phone numbers",
        "kept per instance",
        "required",
    ),
    variable(
        &["JWT_ISSUER"],
        "`iss` of every token, and the audience of refresh tokens",
        "",
        "`whispr-auth`; with `STAGE=dev` and `staging` followed by `-` and the stage",
    ),
    variable(
        &["JWT_AUDIENCE"],
        "audience of access tokens; must not be the issuer or `ws`",
        "",
        "`whispr`, followed as the issuer",
    ),
    variable(
        &["ACCESS_TOKEN_TTL"],
        "seconds, 60 to 1200; at least 300 with `LEGACY_CLIENTS`",
        "",
        "900",
    ),
    variable(
        &["SMS_SENDER"],
        "`sns`, `end-user-messaging` (docs/sms-aws.md), `twilio`, `vonage`, `hook` (docs/sms-hook.md) or `inbox`",
        "`inbox`",
        "required, unless `SMS_ROUTES` names one for `*`",
    ),
    variable(
        &["SMS_ROUTES"],
        "a sender for each country, as in `FR=sns,IN=hook,*=twilio` (ISO 3166-1 alpha-2); others use `*` or `SMS_SENDER`",
        "",
        "none",
    ),
    variable(&["SMS_FALLBACK"], "a second sender, tried once if the first fails", "", "none"),
    variable(
        &["SNS_SENDER_ID", "SNS_MAX_PRICE"],
        "for `sns`: the name that the message comes from, where the country allows one, and US dollars that a message may cost, as in `0.15`",
        "",
        "those of the account",
    ),
    variable(
        &["SNS_ENTITY_ID", "SNS_TEMPLATE_ID"],
        "for `sns`: entity and template of the sender id, for numbers of India",
        "",
        "none",
    ),
    variable(
        &["EUM_ORIGINATION_IDENTITY", "EUM_CONFIGURATION_SET", "EUM_PROTECT_CONFIGURATION_ID"],
        "for `end-user-messaging`: the number, sender id or pool that sends, the configuration set, and the protect configuration, each by id or ARN",
        "",
        "those of the account",
    ),
    variable(
        &["EUM_MAX_PRICE"],
        "for `end-user-messaging`: US dollars that a message may cost, as in `0.15`",
        "",
        "none",
    ),
    variable(
        &["EUM_ENTITY_ID", "EUM_TEMPLATE_ID"],
        "for `end-user-messaging`: entity and template of the sender id, for numbers of India",
        "",
        "none",
    ),
    variable(
        &["TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_FROM"],
        "required if Twilio is a sender",
        "",
        "",
    ),
    variable(&["TWILIO_API_URL"], "address of Twilio", "", "`https://api.twilio.com`"),
    variable(
        &["VONAGE_API_KEY", "VONAGE_API_SECRET", "VONAGE_FROM"],
        "required if Vonage is a sender",
        "",
        "",
    ),
    variable(&["VONAGE_API_URL"], "address of Vonage", "", "`https://rest.nexmo.com`"),
    variable(
        &["SMS_HOOK_URL", "SMS_HOOK_SECRET"],
        "required if `hook` is a sender: the endpoint that messages are posted to, and the secret that signs them (docs/sms-hook.md)",
        "",
        "",
    ),
    variable(
        &["SMS_BRAND"],
        "the name in the message and in authenticator apps, without a colon",
        "",
        "`Whispr`",
    ),
    variable(
        &["SMS_APP_HASH"],
        "Android's app hash, with which an app reads the code without a permission",
        "",
        "none",
    ),
    variable(
        &["SMS_DOMAIN"],
        "domain in the line `@domain #code`, which browsers fill in",
        "",
        "none",
    ),
    variable(
        &["SMS_RATE_LIMIT_PER_MINUTE"],
        "codes per number: burst of the limit per minute, 1 to 1,000",
        "",
        "5",
    ),
    variable(
        &["SMS_RATE_LIMIT_PER_HOUR"],
        "codes per number: burst of the limit per hour, 1 to 10,000",
        "",
        "20",
    ),
    variable(
        &["SMS_BUDGET_PER_COUNTRY"],
        "SMS an hour to one country (a region of libphonenumber): a number for each, or by country, as in `FR=2000,*=500`",
        "",
        "15 % of `SMS_BUDGET_GLOBAL`",
    ),
    variable(&["SMS_BUDGET_GLOBAL"], "SMS an hour in total", "", "5000"),
    variable(
        &["SMS_CHALLENGE_URL"],
        "a captcha service that must approve `challenge` before a code is sent. It receives the form fields `secret`, `response` and `remoteip`, and answers `{\"success\": true}` (Turnstile, hCaptcha, reCAPTCHA)",
        "",
        "none",
    ),
    variable(&["SMS_CHALLENGE_SECRET"], "its `secret`", "", "none"),
    variable(
        &["ONE_TIME_KEYS_BURST"],
        "one-time keys of one target that a caller gets at once. One more comes back every ten minutes",
        "",
        "10",
    ),
    variable(
        &["TEST_PHONE_NUMBERS"],
        "`number=code,number=code`: numbers that get no SMS and always have this code, for app store reviewers",
        "",
        "none",
    ),
    variable(
        &["RATE_LIMITS"],
        "`off` turns the limits off, for load tests. The quotas of one-time keys stay on",
        "",
        "`on`",
    ),
    variable(&["DEMO_MODE"], "`true` puts the code into the answer", "", "`false`"),
    variable(
        &["LEGACY_CLIENTS"],
        "`true` answers as an app that is already shipped expects",
        "",
        "`false`",
    ),
    variable(
        &["CORS_ORIGINS"],
        "origins that browsers may call from, separated by commas, or `*`",
        "",
        "none",
    ),
    variable(
        &["PUBLIC_ORIGINS"],
        "origins of this service as clients reach it, separated by commas: what DPoP proofs name. Without it, no proof holds",
        "http://localhost:PORT and http://127.0.0.1:PORT",
        "none",
    ),
    variable(
        &["ORIGIN_VERIFY_SECRET"],
        "what CloudFront sends as `X-Origin-Verify`, 32 characters or more; two values, separated by a comma, during a rotation. With it, requests without the header are refused (403), and the address of a client is that of `VIEWER_ADDRESS_HEADER`",
        "",
        "none",
    ),
    variable(
        &["VIEWER_ADDRESS_HEADER"],
        "the header in which a function of CloudFront writes the address of its viewer, without a port. Only with \
         `ORIGIN_VERIFY_SECRET`",
        "",
        "`CloudFront-Viewer-Address`, with a port",
    ),
    variable(
        &["NUMBER_IDLE_DAYS"],
        "days without activity of any device after which an account is idle, 30 to 3650: its number may have a new owner",
        "",
        "90",
    ),
    variable(
        &["MAINTENANCE_SECONDS"],
        "after this time a run of the maintenance begins nothing new, and the next one goes on; 1 to 840. The \
         function's time-out must be 60 seconds longer",
        "",
        "240",
    ),
    variable(
        &["AUTHORIZER_CACHE_SECONDS"],
        "for how long the authorizer answers from its memory after a token was checked, 0 to 60. An ended session may be accepted for as long",
        "",
        "30",
    ),
    variable(
        &["AUTHORIZER_DPOP"],
        "`true` accepts tokens that are bound to a key, with their proofs for `PUBLIC_ORIGINS`. The cache of the gateway must be off",
        "",
        "`false`: they are refused",
    ),
    variable(
        &["DATABASE_FUNCTIONS_ROLE"],
        "the role that the functions log in with: `migrate` creates it, and lets it read and write rows. Letters a-z, digits and `_`",
        "",
        "none is created",
    ),
    variable(
        &["LOGIN_HISTORY_DAYS"],
        "days for which a user's log-in history is kept, 1 to 3650",
        "",
        "365",
    ),
    variable(
        &["RELAY_FUNCTION"],
        "the function `relay`, by name or ARN: it is invoked after a commit that queued events. Without it, \
         only a schedule delivers them",
        "",
        "none",
    ),
    variable(
        &["USER_SERVICE_FUNCTION"],
        "the function of another service that events are delivered to, by name or ARN",
        "",
        "none: events only reach the log",
    ),
    variable(
        &["VERIFY_FUNCTION"],
        "the function `verify`, by name or ARN: it sends notices to numbers",
        "",
        "none: these notices only reach the log",
    ),
    variable(
        &["EVENTS_REDIS_STREAM"],
        "`true` also adds registrations to the Redis stream `stream:user.registered`, with `userId`, \
         `phoneNumber` and `timestamp`",
        "",
        "`false`",
    ),
    variable(
        &["SECURITY_LOG_TABLE", "SECURITY_LOG_DAYS"],
        "the DynamoDB table of the append-only security log, and the days after which an entry expires \
         (0: never)",
        "",
        "none, 0",
    ),
    variable(
        &["AUDIT_ROOT_BUCKET", "AUDIT_ROOT_KMS_KEY"],
        "the bucket with Object Lock that the signed roots of the security log go to, and the key in KMS \
         (`ECC_NIST_P256`, `SIGN_VERIFY`) that signs them",
        "",
        "none",
    ),
    variable(
        &["RELAY_SECONDS"],
        "how long an invocation of the relay begins further batches and tries, 0 to 600. The function's \
         time-out must be 40 seconds longer",
        "",
        "15",
    ),
    variable(
        &["METRICS_ENABLED"],
        "serves `/metrics`, and counts in Redis what it shows. CloudWatch gets its metrics in any case",
        "`true`",
        "`true`",
    ),
    variable(
        &["METRICS_TOKEN"],
        "bearer token of `/metrics`, 32 characters or more. Without it, `/metrics` exists only with `STAGE=local`",
        "",
        "none",
    ),
    variable(
        &["DOCS"],
        "`off` closes `/auth/swagger` and `/auth/swagger-json`: they answer 404",
        "",
        "`off` with `STAGE=prod`, else `on`",
    ),
    variable(
        &["SETTINGS"],
        "variables of this page as `NAME=value;NAME=value`, for a deployment: they count more than variables of the same names. No secret, but `…_SECRET_ID`; not `STAGE`",
        "",
        "none",
    ),
    variable(
        &["LOG_SUCCESS_SAMPLE"],
        "in Lambda: of a hundred requests that succeed, how many are logged, 0 to 100. All others, and all metrics, are complete",
        "",
        "5 with `STAGE=prod`, else 100",
    ),
    variable(
        &["LOG_LEVEL"],
        "`info`, `warn`, or levels by module, as in `warn,shared=info`. A release build has nothing below `info`; others have `debug`",
        "",
        "`info`",
    ),
];

/// Read outside of the configuration: the log level, and what Lambda sets.
pub const ALWAYS_READ: [&str; 2] = ["LOG_LEVEL", "AWS_LAMBDA_FUNCTION_NAME"];

const INTRODUCTION: &str = include_str!("configuration/introduction.md");
const SECRET_IDS: &str = include_str!("configuration/secret-ids.md");
const LIMITS: &str = include_str!("configuration/limits.md");

/// The page, with the functions that read each variable.
#[must_use]
pub fn markdown(readers: &BTreeMap<&'static str, BTreeSet<String>>) -> String {
    let mut page = INTRODUCTION.to_owned();
    page.push_str("| variable | meaning | read by | `cargo local` | default |\n");
    page.push_str("|---|---|---|---|---|\n");
    for Variable { names, meaning, local, default } in VARIABLES {
        let listed: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        let read_by = read_by(readers, names[0]);
        let _ = writeln!(
            page,
            "| {} | {meaning} | {read_by} | {local} | {default} |",
            listed.join(", ")
        );
    }
    page.push('\n');
    page.push_str(SECRET_IDS);
    page.push_str("| variable | in place of | read by |\n|---|---|---|\n");
    for name in SecretName::ALL {
        let (id, variable) = (name.id_variable(), name.variable());
        let _ = writeln!(page, "| `{id}` | `{variable}` | {} |", read_by(readers, id));
    }
    page.push('\n');
    page.push_str(LIMITS);
    page.push_str("| variable | default | counts | if Redis is down |\n|---|---|---|---|\n");
    for limit in Limit::ALL {
        let rule = limit.default_rule();
        let outage = match rule.on_outage {
            OnOutage::FailOpen => "the request continues uncounted",
            OnOutage::FailClosed => "the request, or the quota, is refused",
        };
        let _ = writeln!(
            page,
            "| `{}` | {}/{} | {} | {outage} |",
            limit.variable(),
            rule.burst,
            rule.period.as_secs(),
            limit.counts()
        );
    }
    page
}

fn read_by(readers: &BTreeMap<&'static str, BTreeSet<String>>, name: &str) -> String {
    if ALWAYS_READ.contains(&name) {
        return "all".to_owned();
    }
    let reading: Vec<&str> =
        readers.iter().filter(|(_, read)| read.contains(name)).map(|(name, _)| *name).collect();
    if reading.len() == readers.len() { "all".to_owned() } else { reading.join(", ") }
}
