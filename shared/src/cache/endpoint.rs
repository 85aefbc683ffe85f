//! Where Redis is, and how a connection to it is opened.

use redis::aio::MultiplexedConnection;
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::io::tcp::{TcpSettings, socket2::TcpKeepalive};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind,
    IntoConnectionInfo as _, Pipeline, RedisConnectionInfo, RedisError, RedisResult, Value,
};
use secrecy::{ExposeSecret as _, SecretString};
use std::time::Duration;
use tokio::task::JoinSet;

use crate::config::redis::{Login, NodeAddress, RedisConfig};

/// How long one try of an operation may take, with the connection that it may have to open.
pub(super) const TIMEOUT: Duration = Duration::from_millis(250);
/// A cluster has other nodes to ask.
const CLUSTER_CONNECT_TIMEOUT: Duration = Duration::from_millis(100);
/// A connection that is silent this long is probed by the kernel.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(15);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
/// The kernel closes a connection whose data is not acknowledged for this long.
const USER_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) enum Endpoint {
    Node(Client),
    Sentinel(Sentinels),
    Cluster(Box<ClusterClient>),
}

/// Servers that know which server is the master.
pub(super) struct Sentinels {
    clients: Vec<Client>,
    /// The name of the master.
    name: String,
    login: Login,
    has_tls: bool,
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
    pub(super) fn new(config: &RedisConfig) -> RedisResult<Self> {
        match config {
            RedisConfig::Node { url } => Ok(Self::Node(Client::open(of_url(url)?)?)),
            RedisConfig::Sentinel { nodes, name, sentinel_password, login, has_tls } => {
                let sentinel = Login { username: None, password: sentinel_password.clone() };
                let open = |node| Client::open(of_address(node, &sentinel, *has_tls)?);
                Ok(Self::Sentinel(Sentinels {
                    clients: nodes.iter().map(open).collect::<RedisResult<_>>()?,
                    name: name.clone(),
                    login: login.clone(),
                    has_tls: *has_tls,
                }))
            }
            RedisConfig::Cluster { url, nodes, login, has_tls } => {
                let url = url.iter().map(of_url);
                let nodes = nodes.iter().map(|node| of_address(node, login, *has_tls));
                let seeds = url.chain(nodes).collect::<RedisResult<Vec<_>>>()?;
                let cluster = ClusterClient::builder(seeds)
                    .connection_timeout(CLUSTER_CONNECT_TIMEOUT)
                    .response_timeout(TIMEOUT)
                    .retries(3)
                    .min_retry_wait(5)
                    .max_retry_wait(20)
                    .tcp_settings(tcp_settings())
                    .build()?;
                Ok(Self::Cluster(Box::new(cluster)))
            }
        }
    }

    pub(super) const fn is_cluster(&self) -> bool {
        matches!(self, Self::Cluster(_))
    }

    /// Opens a connection. Names are resolved again, sentinels and the cluster asked again.
    pub(super) async fn open(&self) -> RedisResult<Connection> {
        match self {
            Self::Node(client) => connect(client).await.map(Connection::Node),
            Self::Sentinel(sentinels) => sentinels.connect().await.map(Connection::Node),
            Self::Cluster(client) => client.get_async_connection().await.map(Connection::Cluster),
        }
    }
}

impl Sentinels {
    /// Asks all sentinels at once. The first whose master is a master is believed: one that
    /// does not answer holds nobody up, and one that was cut off names a server that is dead
    /// or a replica.
    async fn connect(&self) -> RedisResult<MultiplexedConnection> {
        let mut asked = JoinSet::new();
        for sentinel in &self.clients {
            let (sentinel, name) = (sentinel.clone(), self.name.clone());
            let (login, has_tls) = (self.login.clone(), self.has_tls);
            asked.spawn(async move { connect_to_master(&sentinel, &name, &login, has_tls).await });
        }
        let mut last = failure("no sentinel answered");
        while let Some(connected) = asked.join_next().await {
            match connected {
                Ok(Ok(connection)) => return Ok(connection),
                Ok(Err(error)) => last = error,
                Err(_) => {}
            }
        }
        Err(last)
    }
}

async fn connect_to_master(
    sentinel: &Client,
    name: &str,
    login: &Login,
    has_tls: bool,
) -> RedisResult<MultiplexedConnection> {
    let mut asked = connect(sentinel).await?;
    let mut ask = redis::cmd("SENTINEL");
    ask.arg("GET-MASTER-ADDR-BY-NAME").arg(name);
    let (host, port): (String, u16) = ask
        .query_async::<Option<_>>(&mut asked)
        .await?
        .ok_or_else(|| failure("the sentinel does not know the master"))?;
    let master = Client::open(of_address(&NodeAddress { host, port }, login, has_tls)?)?;
    let mut connection = connect(&master).await?;
    let role: Vec<Value> = redis::cmd("ROLE").query_async(&mut connection).await?;
    let role = role.into_iter().next().map(redis::from_redis_value::<String>).transpose()?;
    match role.as_deref() {
        Some("master") => Ok(connection),
        _ => Err(failure("the server is not a master")),
    }
}

fn failure(text: &'static str) -> RedisError {
    RedisError::from((ErrorKind::Io, text))
}

/// The caller limits the time of an answer.
async fn connect(client: &Client) -> RedisResult<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(TIMEOUT))
        .set_response_timeout(None);
    client.get_multiplexed_async_connection_with_config(&config).await
}

fn of_url(url: &SecretString) -> RedisResult<ConnectionInfo> {
    let info = url.expose_secret().into_connection_info()?;
    // The name of the client library would be one more command of each connection.
    let redis = info.redis_settings().clone().set_skip_set_lib_name();
    Ok(info.set_tcp_settings(tcp_settings()).set_redis_settings(redis))
}

fn of_address(node: &NodeAddress, login: &Login, has_tls: bool) -> RedisResult<ConnectionInfo> {
    let NodeAddress { host, port } = node.clone();
    let address = if has_tls {
        ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
    } else {
        ConnectionAddr::Tcp(host, port)
    };
    let mut redis = RedisConnectionInfo::default().set_skip_set_lib_name();
    if let Some(username) = &login.username {
        redis = redis.set_username(username);
    }
    if let Some(password) = &login.password {
        redis = redis.set_password(password.expose_secret());
    }
    let info = address.into_connection_info()?;
    Ok(info.set_tcp_settings(tcp_settings()).set_redis_settings(redis))
}

fn tcp_settings() -> TcpSettings {
    let keepalive =
        TcpKeepalive::new().with_time(KEEPALIVE_AFTER).with_interval(KEEPALIVE_INTERVAL);
    TcpSettings::default().set_nodelay(true).set_keepalive(keepalive).set_user_timeout(USER_TIMEOUT)
}
