//! Where Redis is: one node, a master that sentinels name, a cluster, or a cache of
//! ElastiCache by its name. Passwords are asked for with each new connection.

use secrecy::{ExposeSecret as _, SecretString};
use std::fmt;
use std::sync::Arc;

use super::discovery::{SERVERLESS, cache_name};
use super::env::EnvReader;
use super::env::is_url;
use super::live_text::LiveText;
use super::stage::Stage;
use crate::cloud::{CacheEndpoint, CacheName, Cloud, CloudError};
use crate::secrets::{SecretName, plain_text};

const NEEDS_AWS: &str = "needs a function that runs in AWS";

#[derive(Clone, Debug)]
pub enum RedisConfig {
    Node {
        url: LiveText,
        login: Login,
    },
    Sentinel {
        nodes: Vec<NodeAddress>,
        /// The name of the master.
        name: String,
        sentinel_password: Password,
        login: Login,
        has_tls: bool,
    },
    /// Nodes to begin with: by `url`, by `nodes` or both.
    Cluster {
        url: Option<LiveText>,
        nodes: Vec<NodeAddress>,
        login: Login,
        has_tls: bool,
    },
    ElastiCache {
        named: NamedCache,
        login: Login,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeAddress {
    pub host: String,
    pub port: u16,
}

/// A cache whose address is looked up by its name.
#[derive(Clone)]
pub struct NamedCache {
    pub cloud: Arc<dyn Cloud>,
    pub name: CacheName,
    /// The variable that names it.
    pub variable: &'static str,
    /// Whether a cache without TLS is refused.
    pub requires_tls: bool,
    /// Where it was when the process started.
    pub first: Option<CacheEndpoint>,
}

impl fmt::Debug for NamedCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NamedCache").field(&self.name).finish()
    }
}

/// How a new connection logs in. A password here counts before one in a URL.
#[derive(Clone, Debug, Default)]
pub struct Login {
    pub username: Option<String>,
    pub password: Password,
}

/// Asked for with each new connection.
#[derive(Clone, Default)]
pub enum Password {
    #[default]
    None,
    Text(LiveText),
    /// Made for each connection.
    Iam {
        cloud: Arc<dyn Cloud>,
        cache: CacheName,
    },
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Text(_) => "Text(..)",
            Self::Iam { .. } => "Iam(..)",
        })
    }
}

impl Login {
    #[must_use]
    pub const fn has_password(&self) -> bool {
        !matches!(self.password, Password::None)
    }

    /// The password for one new connection.
    pub async fn password(&self) -> Result<Option<SecretString>, CloudError> {
        Ok(match &self.password {
            Password::None => None,
            Password::Text(text) => Some(text.current()),
            Password::Iam { cloud, cache } => {
                let user = self.username.as_deref().unwrap_or_default();
                Some(cloud.cache_password(cache, user).await?)
            }
        })
    }

    async fn refresh(&self) {
        if let Password::Text(text) = &self.password {
            text.refresh().await;
        }
    }
}

impl RedisConfig {
    pub fn read(env: &mut EnvReader, stage: Stage) -> Self {
        let sentinels = nodes(env, "REDIS_SENTINEL_NODES");
        let is_cluster = env.flag("REDIS_CLUSTER", false);
        let cluster = nodes(env, "REDIS_CLUSTER_NODES");
        let name = env.text("REDIS_SENTINEL_NAME", "mymaster");
        let sentinel_password = password(env, SecretName::RedisSentinelPassword);
        let named = cache_name(|name| env.optional(name));
        if named.as_ref().is_some_and(|(_, variable)| *variable != SERVERLESS)
            && env.optional(SERVERLESS).is_some()
        {
            env.error(SERVERLESS, "cannot be set together with ELASTICACHE_REPLICATION_GROUP_ID");
        }
        let login = login(env, named.as_ref().map(|(name, _)| name));
        let has_tls = env.flag("REDIS_TLS", true);
        let has_nodes = !sentinels.is_empty() || (is_cluster && !cluster.is_empty());
        if has_nodes {
            let error = "must be on in production";
            stage.require_in_prod(env, has_tls, "REDIS_TLS", error);
        }
        if !sentinels.is_empty() {
            if is_cluster {
                env.error("REDIS_CLUSTER", "cannot be on together with REDIS_SENTINEL_NODES");
            }
            return Self::Sentinel { nodes: sentinels, name, sentinel_password, login, has_tls };
        }
        if !is_cluster && !cluster.is_empty() {
            env.error("REDIS_CLUSTER_NODES", "needs REDIS_CLUSTER=true");
        }
        let is_url_set = env.secret(SecretName::RedisUrl).is_some();
        if let Some((name, variable)) = named.filter(|_| !is_url_set && !has_nodes) {
            if let Some(cloud) = env.cloud() {
                let requires_tls = stage == Stage::Prod;
                let first = env.cache_endpoint();
                let named = NamedCache { cloud, name, variable, requires_tls, first };
                return Self::ElastiCache { named, login };
            }
            env.error(variable, NEEDS_AWS);
        }
        let url = (is_url_set || !has_nodes).then(|| url(env, stage));
        match (is_cluster, url) {
            (false, Some(url)) => Self::Node { url, login },
            (_, url) => Self::Cluster { url, nodes: cluster, login, has_tls },
        }
    }

    /// The address by which people know it.
    #[must_use]
    pub fn url(&self) -> Option<SecretString> {
        match self {
            Self::Node { url, .. } => Some(url.current()),
            Self::Cluster { url, .. } => url.as_ref().map(LiveText::current),
            Self::Sentinel { .. } | Self::ElastiCache { .. } => None,
        }
    }

    /// Loads its secrets again, after a server refused a login.
    pub async fn refresh(&self) {
        match self {
            Self::Node { url, login } | Self::Cluster { url: Some(url), login, .. } => {
                tokio::join!(url.refresh(), login.refresh());
            }
            Self::Sentinel { sentinel_password: Password::Text(sentinel), login, .. } => {
                tokio::join!(sentinel.refresh(), login.refresh());
            }
            Self::Sentinel { login, .. }
            | Self::Cluster { login, .. }
            | Self::ElastiCache { login, .. } => login.refresh().await,
        }
    }
}

fn password(env: &mut EnvReader, name: SecretName) -> Password {
    let secret = env.optional_live_secret(name, plain_text);
    secret.map_or(Password::None, |secret| Password::Text(LiveText::Live(secret)))
}

fn login(env: &mut EnvReader, cache: Option<&CacheName>) -> Login {
    let username = env.optional("REDIS_USERNAME");
    let own = password(env, SecretName::RedisPassword);
    if !env.flag("REDIS_IAM_AUTH", false) {
        return Login { username, password: own };
    }
    if !matches!(own, Password::None) {
        env.error("REDIS_IAM_AUTH", "cannot be on together with REDIS_PASSWORD");
    }
    if username.is_none() {
        env.error("REDIS_USERNAME", "is not set");
    }
    let password = match (env.cloud(), cache) {
        (Some(cloud), Some(cache)) => Password::Iam { cloud, cache: cache.clone() },
        (None, _) => {
            env.error("REDIS_IAM_AUTH", NEEDS_AWS);
            own
        }
        (_, None) => {
            let error = "needs ELASTICACHE_REPLICATION_GROUP_ID or ELASTICACHE_SERVERLESS_NAME";
            env.error("REDIS_IAM_AUTH", error);
            own
        }
    };
    Login { username, password }
}

/// The address on this machine stands in for one that is missing or wrong: the error refuses
/// the start, and the rest of the configuration is checked first.
fn url(env: &mut EnvReader, stage: Stage) -> LiveText {
    let name = SecretName::RedisUrl;
    let Some(secret) = env.live_secret(name, redis_url) else {
        let error = "must be encrypted (rediss://) in production";
        stage.require_in_prod(env, false, name.variable(), error);
        return LiveText::Fixed(SecretString::from("redis://127.0.0.1/"));
    };
    let is_encrypted = !secret.current().expose_secret().starts_with("redis:");
    let error = "must be encrypted (rediss://) in production";
    stage.require_in_prod(env, is_encrypted, name.variable(), error);
    LiveText::Live(secret)
}

fn redis_url(secret: &SecretString) -> Result<SecretString, &'static str> {
    let is_valid = is_url(secret.expose_secret(), &["redis", "rediss"]);
    is_valid.then(|| secret.clone()).ok_or("is not an address of its kind of store")
}

/// `host:port,host:port`; an IPv6 address stands in brackets.
fn nodes(env: &mut EnvReader, name: &'static str) -> Vec<NodeAddress> {
    let list = env.optional(name).unwrap_or_default();
    let nodes = list.split(',').map(str::trim).filter(|node| !node.is_empty());
    let parsed: Option<Vec<_>> = nodes
        .map(|node| {
            let (host, port) = node.rsplit_once(':')?;
            let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
            let port = port.parse().ok().filter(|port| *port != 0)?;
            (!host.is_empty()).then(|| NodeAddress { host: host.to_owned(), port })
        })
        .collect();
    parsed.unwrap_or_else(|| {
        env.error(name, "must be host:port pairs, separated by commas");
        Vec::new()
    })
}
