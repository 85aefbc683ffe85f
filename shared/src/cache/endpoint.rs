//! Where Redis is, and how a connection to it is opened. Each new connection asks for the
//! newest login and resolves names anew.

use redis::aio::MultiplexedConnection;
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::{Cmd, ConnectionInfo, Pipeline, RedisResult, Value};
use secrecy::SecretString;
use std::time::Duration;

use super::address::{TIMEOUT, connect, of_address, of_url, tcp_settings};
use super::connect_error::{ConnectError, is_refused_login};
use super::credentials::Credentials;
use super::discovery::Discovery;
use super::sentinel::Sentinels;
use crate::clock::Clock;
use crate::cloud::CacheEndpoint;
use crate::config::live_text::LiveText;
use crate::config::redis::{Login, NodeAddress, RedisConfig};

/// A cluster has other nodes to ask.
const CLUSTER_CONNECT_TIMEOUT: Duration = Duration::from_millis(100);

pub(super) struct Endpoint {
    /// What loads the secrets again.
    config: RedisConfig,
    servers: Servers,
}

enum Servers {
    Node { url: LiveText, login: Login },
    Sentinel(Sentinels),
    Cluster { url: Option<LiveText>, nodes: Vec<NodeAddress>, login: Login, has_tls: bool },
    Named { discovery: Discovery, login: Login },
}

/// An open connection. Clones share it.
#[derive(Clone)]
pub(super) enum Connection {
    Node(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Connection {
    pub(super) async fn command(&mut self, command: &Cmd) -> RedisResult<Value> {
        match self {
            Self::Node(connection) => command.query_async(connection).await,
            Self::Cluster(connection) => command.query_async(connection).await,
        }
    }

    pub(super) async fn pipeline(&mut self, pipeline: &Pipeline) -> RedisResult<Vec<Value>> {
        match self {
            Self::Node(connection) => pipeline.query_async(connection).await,
            Self::Cluster(connection) => pipeline.query_async(connection).await,
        }
    }
}

impl Endpoint {
    pub(super) fn new(config: &RedisConfig, clock: Clock) -> RedisResult<Self> {
        let servers = match config.clone() {
            RedisConfig::Node { url, login } => {
                of_url(&url.current(), None, None)?;
                Servers::Node { url, login }
            }
            RedisConfig::Sentinel { nodes, name, sentinel_password, login, has_tls } => {
                Servers::Sentinel(Sentinels { nodes, name, sentinel_password, login, has_tls })
            }
            RedisConfig::Cluster { url, nodes, login, has_tls } => {
                if let Some(url) = &url {
                    of_url(&url.current(), None, None)?;
                }
                Servers::Cluster { url, nodes, login, has_tls }
            }
            RedisConfig::ElastiCache { named, login } => {
                Servers::Named { discovery: Discovery::new(named, clock), login }
            }
        };
        Ok(Self { config: config.clone(), servers })
    }

    /// Whether keys of different hash tags are on different nodes.
    pub(super) fn is_cluster(&self) -> bool {
        match &self.servers {
            Servers::Node { .. } | Servers::Sentinel(_) => false,
            Servers::Cluster { .. } => true,
            Servers::Named { discovery, .. } => discovery.is_cluster(),
        }
    }

    /// What a connection needs and takes longer than an operation on Redis: the address, once.
    pub(super) async fn prepare(&self) -> Result<(), ConnectError> {
        match &self.servers {
            Servers::Named { discovery, .. } => Ok(discovery.prepare().await?),
            Servers::Node { .. } | Servers::Sentinel(_) | Servers::Cluster { .. } => Ok(()),
        }
    }

    /// A connection was lost, or could not be opened: the address may be another one now.
    pub(super) fn note_loss(&self) {
        if let Servers::Named { discovery, .. } = &self.servers {
            discovery.note_loss();
        }
    }

    /// Opens a connection. If the login is refused, its secret is loaded again, once: the
    /// password was changed.
    pub(super) async fn open(&self) -> Result<Connection, ConnectError> {
        match self.connect().await {
            Err(ConnectError::Redis(error)) if is_refused_login(&error) => {
                let config = self.config.clone();
                // A caller that gives up does not end it: the next one gains by it.
                let refreshed = tokio::spawn(async move { config.refresh().await });
                if refreshed.await.is_err() {
                    return Err(error.into());
                }
                self.connect().await
            }
            result => result,
        }
    }

    async fn connect(&self) -> Result<Connection, ConnectError> {
        match &self.servers {
            Servers::Node { url, login } => {
                let password = login.password().await?;
                let info = of_url(&url.current(), login.username.as_deref(), password.as_ref())?;
                Ok(Connection::Node(connect(info).await?))
            }
            Servers::Sentinel(sentinels) => Ok(Connection::Node(sentinels.connect().await?)),
            Servers::Cluster { url, nodes, login, has_tls } => {
                let url = url.iter().map(|url| of_url(&url.current(), None, None));
                let nodes = nodes.iter().map(|node| of_address(node, None, None, *has_tls));
                connect_to_cluster(url.chain(nodes).collect::<RedisResult<_>>()?, login).await
            }
            Servers::Named { discovery, login } => {
                let cache = discovery.cache();
                let Some(CacheEndpoint { host, port, is_cluster, has_tls }) = discovery.endpoint()
                else {
                    // `prepare` has failed, and its error was given to the caller.
                    return Err(ConnectError::Unknown);
                };
                if cache.requires_tls && !has_tls {
                    return Err(ConnectError::WithoutTls { variable: cache.variable });
                }
                let node = NodeAddress { host, port };
                if is_cluster {
                    let seed = of_address(&node, None, None, has_tls)?;
                    return connect_to_cluster(vec![seed], login).await;
                }
                let password: Option<SecretString> = login.password().await?;
                let user = login.username.as_deref();
                let info = of_address(&node, user, password.as_ref(), has_tls)?;
                Ok(Connection::Node(connect(info).await?))
            }
        }
    }
}

/// The client opens connections to other nodes by itself, each with a new password.
async fn connect_to_cluster(
    seeds: Vec<ConnectionInfo>,
    login: &Login,
) -> Result<Connection, ConnectError> {
    let mut builder = ClusterClient::builder(seeds)
        .connection_timeout(CLUSTER_CONNECT_TIMEOUT)
        .response_timeout(TIMEOUT)
        .retries(3)
        .min_retry_wait(5)
        .max_retry_wait(20)
        .tcp_settings(tcp_settings());
    if login.has_password() {
        builder = builder.set_credentials_provider(Credentials(login.clone()));
    }
    Ok(Connection::Cluster(builder.build()?.get_async_connection().await?))
}
