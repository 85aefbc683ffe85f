//! Where Postgres is.

use secrecy::{ExposeSecret as _, SecretString};
use std::time::Duration;
use tokio_postgres::config::SslMode;

use super::env::EnvReader;
use super::env::is_url;
use super::stage::Stage;
use crate::secrets::SecretName;

/// A connection to a store that was idle for longer is replaced before it is used: NAT gateways
/// and load balancers of AWS forget connections after 350 s.
pub const MAX_IDLE: Duration = Duration::from_mins(5);

#[derive(Clone, Debug)]
pub struct PostgresConfig {
    pub url: SecretString,
    /// Further certificate authorities, PEM: RDS signs with its own.
    pub ca: Option<String>,
    /// Connections that are kept: one in a Lambda sandbox, which serves one request at a time.
    pub pool: usize,
    /// Whether statements are prepared by name and server limits are set per connection: not
    /// behind a proxy that pins such sessions.
    pub prepares: bool,
}

impl PostgresConfig {
    pub fn read(env: &mut EnvReader, stage: Stage) -> Self {
        let is_lambda = env.optional("AWS_LAMBDA_FUNCTION_NAME").is_some();
        let config = Self {
            url: database_url(env),
            ca: env.optional("DATABASE_CA"),
            pool: env.number("DATABASE_POOL", if is_lambda { 1 } else { 8 }, 1, 100),
            prepares: match env.text("DATABASE_STATEMENTS", "named").as_str() {
                "named" => true,
                "unnamed" => false,
                _ => {
                    env.error("DATABASE_STATEMENTS", "must be named or unnamed");
                    true
                }
            },
        };
        let parsed: Option<tokio_postgres::Config> = config.url.expose_secret().parse().ok();
        let encrypted = parsed.is_none_or(|parsed| parsed.get_ssl_mode() == SslMode::Require);
        let error = "must be encrypted (sslmode=require) in production";
        stage.require_in_prod(env, encrypted, "DATABASE_URL", error);
        config
    }
}

/// The first scheme's address on this machine stands in for one that is missing or wrong:
/// the error refuses the start, and the rest of the configuration is checked first.
fn store_url(env: &mut EnvReader, name: SecretName, schemes: &[&str]) -> SecretString {
    let url = env.required_secret(name);
    let value = url.expose_secret();
    if is_url(value, schemes) {
        return url;
    }
    if !value.is_empty() {
        env.error(name.variable(), "is not an address of its kind of store");
    }
    SecretString::from(format!("{}://127.0.0.1/", schemes.first().unwrap_or(&"")))
}

/// `DATABASE_URL`, or the same in parts.
fn database_url(env: &mut EnvReader) -> SecretString {
    let host = env.optional("DB_HOST");
    let whole = env.secret(SecretName::DatabaseUrl).is_some();
    let Some(host) = host.filter(|_| !whole) else {
        return store_url(env, SecretName::DatabaseUrl, &["postgres", "postgresql"]);
    };
    let port: u16 = env.number("DB_PORT", 5432, 1, u16::MAX);
    let (name, user) = (env.required("DB_NAME"), env.required("DB_USERNAME"));
    let password = env.required_secret(SecretName::DatabasePassword);
    let mode = env.text("DB_SSLMODE", "require");
    let mut url = url::Url::parse("postgres://host/").ok();
    let well_formed = url.as_mut().is_some_and(|url| {
        url.set_path(&name);
        url.set_query(Some(&format!("sslmode={mode}")));
        url.set_host(Some(&host)).is_ok()
            && url.set_port(Some(port)).is_ok()
            && url.set_username(&user).is_ok()
            && url.set_password(Some(password.expose_secret())).is_ok()
    });
    if !well_formed {
        env.error("DB_HOST", "is not a host name");
    }
    SecretString::from(url.map(String::from).unwrap_or_default())
}
