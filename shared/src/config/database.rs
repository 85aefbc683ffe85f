//! Where Postgres is and how to log in. Both are asked for with each new connection, so that
//! a changed password needs no new process.

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use std::fmt;
use std::sync::Arc;
use tokio_postgres::config::SslMode;

use super::env::{EnvReader, is_url};
use super::live_text::{LiveText, refresh};
use super::stage::Stage;
use crate::cloud::{Cloud, CloudError, DatabaseLogin};
use crate::percent::percent_encode;
use crate::secrets::{LiveSecret, SecretName, plain_text};

const DEFAULT_PORT: u16 = 5432;
const NO_ADDRESS: &str = "is not an address of Postgres";
/// Stands in for an address that is missing or wrong: the error refuses the start, and the rest
/// of the configuration is checked first.
const PLACEHOLDER: &str = "postgres://127.0.0.1/";

/// The address of Postgres. Cheap to clone.
#[derive(Clone)]
pub struct DatabaseAddress {
    parts: Parts,
    login: Login,
}

#[derive(Clone)]
enum Login {
    /// Part of the URL.
    Fixed(SecretString),
    /// `DATABASE_URL`: a URL, or the JSON of a secret that RDS keeps.
    Whole(Arc<LiveSecret<DatabaseSecret>>),
    /// `DB_PASSWORD`.
    Password(LiveText),
    /// A password is made for each connection.
    Iam(Arc<dyn Cloud>),
}

/// What the variables `DB_…` give.
#[derive(Clone, Debug, Default)]
struct Parts {
    host: Option<String>,
    port: Option<u16>,
    name: Option<String>,
    user: Option<String>,
    ssl_mode: String,
}

/// A secret that holds a whole address.
pub enum DatabaseSecret {
    Url(SecretString),
    Rds(RdsSecret),
}

/// The JSON of RDS. A secret that RDS rotates itself holds the login alone.
pub struct RdsSecret {
    parts: Parts,
    password: SecretString,
}

#[derive(Deserialize)]
struct RdsJson {
    username: String,
    password: String,
    host: Option<String>,
    port: Option<u16>,
    dbname: Option<String>,
}

impl DatabaseSecret {
    /// A URL, or JSON with `username`, `password`, and maybe `host`, `port` and `dbname`.
    pub fn parse(secret: &SecretString) -> Result<Self, &'static str> {
        let text = secret.expose_secret();
        if text.trim_start().starts_with('{') {
            let json: RdsJson = serde_json::from_str(text)
                .map_err(|_| "is JSON, but not with username and password as RDS writes it")?;
            return Ok(Self::Rds(RdsSecret {
                parts: Parts {
                    host: json.host,
                    port: json.port,
                    name: json.dbname,
                    user: Some(json.username),
                    ssl_mode: String::new(),
                },
                password: SecretString::from(json.password),
            }));
        }
        let is_address = is_url(text, &["postgres", "postgresql"])
            && text.parse::<tokio_postgres::Config>().is_ok();
        is_address.then(|| Self::Url(secret.clone())).ok_or(NO_ADDRESS)
    }
}

impl Parts {
    /// Reads all variables, whether they are needed or not.
    fn read(env: &mut EnvReader) -> Self {
        let host = env.optional("DB_HOST");
        let port = env.number("DB_PORT", DEFAULT_PORT, 1, u16::MAX);
        Self {
            port: host.is_some().then_some(port),
            host,
            name: env.optional("DB_NAME"),
            user: env.optional("DB_USERNAME"),
            ssl_mode: env.text("DB_SSLMODE", "require"),
        }
    }

    /// These parts, and for what they lack, the others.
    fn or(&self, others: &Self) -> Self {
        let text = |own: &Option<String>, other: &Option<String>| own.clone().or(other.clone());
        Self {
            host: text(&self.host, &others.host),
            port: self.port.or(others.port),
            name: text(&self.name, &others.name),
            user: text(&self.user, &others.user),
            ssl_mode: others.ssl_mode.clone(),
        }
    }

    fn url(&self, password: Option<&SecretString>) -> Result<SecretString, &'static str> {
        let mut url = url::Url::parse("postgres://host/").map_err(|_| NO_ADDRESS)?;
        let host = self.host.as_deref().ok_or("names no host, and DB_HOST is not set")?;
        url.set_host(Some(host)).map_err(|_| "is not a host name")?;
        // The setters of a URL leave `%` as it is: they take what is encoded.
        let user = percent_encode(self.user.as_deref().unwrap_or_default());
        let password = password.map(|password| percent_encode(password.expose_secret()));
        let is_set = url.set_port(Some(self.port.unwrap_or(DEFAULT_PORT))).is_ok()
            && url.set_username(&user).is_ok()
            && url.set_password(password.as_deref()).is_ok();
        url.set_path(&percent_encode(self.name.as_deref().unwrap_or_default()));
        url.set_query(Some(&format!("sslmode={}", self.ssl_mode)));
        let is_address = is_set && url.as_str().parse::<tokio_postgres::Config>().is_ok();
        is_address.then(|| SecretString::from(String::from(url))).ok_or(NO_ADDRESS)
    }
}

impl From<SecretString> for DatabaseAddress {
    /// A URL that never changes.
    fn from(url: SecretString) -> Self {
        Self { parts: Parts::default(), login: Login::Fixed(url) }
    }
}

impl DatabaseAddress {
    pub(super) fn read(env: &mut EnvReader, stage: Stage) -> Self {
        let parts = Parts::read(env);
        let uses_iam = env.flag("DB_IAM_AUTH", false);
        let whole = env.secret(SecretName::DatabaseUrl).is_some();
        let is_whole = whole || parts.host.is_none();
        let password = env.optional_live_secret(SecretName::DatabasePassword, plain_text);
        if uses_iam && is_whole {
            let error = "needs DB_HOST, DB_NAME and DB_USERNAME in place of DATABASE_URL";
            env.error("DB_IAM_AUTH", error);
        }
        let login = if is_whole {
            env.live_secret(SecretName::DatabaseUrl, DatabaseSecret::parse).map(Login::Whole)
        } else {
            for (variable, value) in [("DB_NAME", &parts.name), ("DB_USERNAME", &parts.user)] {
                if value.is_none() {
                    env.error(variable, "is not set");
                }
            }
            if uses_iam {
                iam(env, stage, &parts)
            } else {
                let error = (SecretName::DatabasePassword.variable(), "is not set");
                if password.is_none() {
                    env.error(error.0, error.1);
                }
                password.map(LiveText::Live).map(Login::Password)
            }
        };
        let variable = if is_whole { SecretName::DatabaseUrl.variable() } else { "DB_HOST" };
        let address = login.map(|login| Self { parts, login });
        let address = address.unwrap_or_else(|| SecretString::from(PLACEHOLDER).into());
        match address.newest() {
            Ok(url) => {
                let variable = if is_whole { variable } else { "DB_SSLMODE" };
                let error = "must be encrypted (sslmode=require) in production";
                stage.require_in_prod(env, is_encrypted(&url), variable, error);
            }
            Err(error) => env.error(variable, error),
        }
        address
    }

    /// The URL as it is known now. With IAM it holds no password.
    #[must_use]
    pub fn url(&self) -> SecretString {
        // A refreshed secret may lack what the first one had: then no server is found.
        self.newest().unwrap_or_else(|_| SecretString::from(PLACEHOLDER))
    }

    /// The URL for one new connection, with its password.
    pub async fn connection_url(&self) -> Result<SecretString, CloudError> {
        let Login::Iam(cloud) = &self.login else { return Ok(self.url()) };
        let (host, user) = (self.parts.host.as_deref(), self.parts.user.as_deref());
        let login = DatabaseLogin {
            host: host.unwrap_or_default(),
            port: self.parts.port.unwrap_or(DEFAULT_PORT),
            user: user.unwrap_or_default(),
        };
        let password = cloud.database_password(login).await?;
        Ok(self.parts.url(Some(&password)).unwrap_or_else(|_| self.url()))
    }

    /// Loads the secret again, after Postgres refused the login of a URL; false if the login is
    /// still the same.
    pub async fn refresh(&self, refused: &SecretString) -> bool {
        let is_other = || self.url().expose_secret() != refused.expose_secret();
        match &self.login {
            // Another connection has met the same.
            Login::Whole(_) | Login::Password(_) if is_other() => return true,
            Login::Whole(secret) => refresh(secret).await,
            Login::Password(password) => password.refresh().await,
            Login::Iam(_) | Login::Fixed(_) => return false,
        }
        is_other()
    }

    fn newest(&self) -> Result<SecretString, &'static str> {
        match &self.login {
            Login::Fixed(url) => Ok(url.clone()),
            Login::Whole(secret) => match &*secret.current() {
                DatabaseSecret::Url(url) => Ok(url.clone()),
                DatabaseSecret::Rds(rds) => rds.parts.or(&self.parts).url(Some(&rds.password)),
            },
            Login::Password(password) => self.parts.url(Some(&password.current())),
            Login::Iam(_) => self.parts.url(None),
        }
    }
}

impl fmt::Debug for DatabaseAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatabaseAddress").finish_non_exhaustive()
    }
}

/// A token in place of a password: whoever reads it may log in for 15 minutes.
fn iam(env: &mut EnvReader, stage: Stage, parts: &Parts) -> Option<Login> {
    if !stage.is_local() && parts.ssl_mode != "require" {
        env.error("DB_SSLMODE", "must be require with DB_IAM_AUTH");
    }
    let cloud = env.cloud();
    if cloud.is_none() {
        env.error("DB_IAM_AUTH", "needs a function that runs in AWS");
    }
    cloud.map(Login::Iam)
}

fn is_encrypted(url: &SecretString) -> bool {
    let parsed: Option<tokio_postgres::Config> = url.expose_secret().parse().ok();
    parsed.is_none_or(|parsed| parsed.get_ssl_mode() == SslMode::Require)
}
