//! Where Redis is, and how a connection to it is opened.

use redis::aio::MultiplexedConnection;
use redis::io::tcp::{TcpSettings, socket2::TcpKeepalive};
use redis::{AsyncConnectionConfig, Client, ConnectionInfo, IntoConnectionInfo as _, RedisResult};
use secrecy::{ExposeSecret as _, SecretString};
use std::time::Duration;

/// How long one try of an operation may take, with the connection that it may have to open.
pub(super) const TIMEOUT: Duration = Duration::from_millis(250);
/// A connection that is silent this long is probed by the kernel.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(15);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
/// The kernel closes a connection whose data is not acknowledged for this long.
const USER_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) struct Endpoint {
    client: Client,
}

impl Endpoint {
    pub(super) fn new(url: &SecretString) -> RedisResult<Self> {
        let info = url.expose_secret().into_connection_info()?;
        Ok(Self { client: Client::open(with_settings(info))? })
    }

    /// Opens a connection. Resolves the name of the server again.
    pub(super) async fn open(&self) -> RedisResult<MultiplexedConnection> {
        connect(&self.client).await
    }
}

/// The caller limits the time of an answer.
async fn connect(client: &Client) -> RedisResult<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(TIMEOUT))
        .set_response_timeout(None);
    client.get_multiplexed_async_connection_with_config(&config).await
}

fn with_settings(info: ConnectionInfo) -> ConnectionInfo {
    let keepalive =
        TcpKeepalive::new().with_time(KEEPALIVE_AFTER).with_interval(KEEPALIVE_INTERVAL);
    let tcp = TcpSettings::default()
        .set_nodelay(true)
        .set_keepalive(keepalive)
        .set_user_timeout(USER_TIMEOUT);
    // The name of the client library would be one more command of each connection.
    let redis = info.redis_settings().clone().set_skip_set_lib_name();
    info.set_tcp_settings(tcp).set_redis_settings(redis)
}
