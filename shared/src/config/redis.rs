//! Where Redis is: one node, a master that sentinels name, or a cluster.

use secrecy::{ExposeSecret as _, SecretString};

use super::env::EnvReader;
use super::env::is_url;
use super::stage::Stage;
use crate::secrets::SecretName;

#[derive(Clone, Debug)]
pub enum RedisConfig {
    Node {
        url: SecretString,
    },
    Sentinel {
        nodes: Vec<NodeAddress>,
        /// The name of the master.
        name: String,
        sentinel_password: Option<SecretString>,
        login: Login,
        has_tls: bool,
    },
    /// Nodes to begin with: by `url`, by `nodes` or both.
    Cluster {
        url: Option<SecretString>,
        nodes: Vec<NodeAddress>,
        login: Login,
        has_tls: bool,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeAddress {
    pub host: String,
    pub port: u16,
}

/// For servers that are not given by a URL.
#[derive(Clone, Debug, Default)]
pub struct Login {
    pub username: Option<String>,
    pub password: Option<SecretString>,
}

impl RedisConfig {
    pub fn read(env: &mut EnvReader, stage: Stage) -> Self {
        let sentinels = nodes(env, "REDIS_SENTINEL_NODES");
        let is_cluster = env.flag("REDIS_CLUSTER", false);
        let cluster = nodes(env, "REDIS_CLUSTER_NODES");
        let name = env.text("REDIS_SENTINEL_NAME", "mymaster");
        let sentinel_password = env.secret(SecretName::RedisSentinelPassword);
        let login = Login {
            username: env.optional("REDIS_USERNAME"),
            password: env.secret(SecretName::RedisPassword),
        };
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
        let url = (is_url_set || !has_nodes).then(|| url(env, stage));
        match (is_cluster, url) {
            (false, Some(url)) => Self::Node { url },
            (_, url) => Self::Cluster { url, nodes: cluster, login, has_tls },
        }
    }

    /// The address by which people know it, without what is secret.
    #[must_use]
    pub fn url(&self) -> Option<&SecretString> {
        match self {
            Self::Node { url } => Some(url),
            Self::Cluster { url, .. } => url.as_ref(),
            Self::Sentinel { .. } => None,
        }
    }
}

/// The address on this machine stands in for one that is missing or wrong: the error refuses
/// the start, and the rest of the configuration is checked first.
fn url(env: &mut EnvReader, stage: Stage) -> SecretString {
    let name = SecretName::RedisUrl;
    let url = env.required_secret(name);
    let value = url.expose_secret();
    let is_valid = is_url(value, &["redis", "rediss"]);
    if !is_valid && !value.is_empty() {
        env.error(name.variable(), "is not an address of its kind of store");
    }
    let url = if is_valid { url } else { SecretString::from("redis://127.0.0.1/") };
    let is_encrypted = !url.expose_secret().starts_with("redis:");
    let error = "must be encrypted (rediss://) in production";
    stage.require_in_prod(env, is_encrypted, name.variable(), error);
    url
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
