//! One server of Redis: its address, its login, its TCP settings.

use redis::aio::MultiplexedConnection;
use redis::io::tcp::{TcpSettings, socket2::TcpKeepalive};
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _,
    RedisConnectionInfo, RedisResult,
};
use secrecy::{ExposeSecret as _, SecretString};
use std::time::Duration;

use crate::config::redis::NodeAddress;

/// How long one try of an operation may take, with the connection that it may have to open.
pub(super) const TIMEOUT: Duration = Duration::from_millis(250);
/// A connection that is silent this long is probed by the kernel.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(15);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
/// The kernel closes a connection whose data is not acknowledged for this long.
const USER_TIMEOUT: Duration = Duration::from_secs(5);

/// The caller limits the time of an answer.
pub(super) async fn connect(info: ConnectionInfo) -> RedisResult<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(TIMEOUT))
        .set_response_timeout(None);
    Client::open(info)?.get_multiplexed_async_connection_with_config(&config).await
}

/// A password given here counts before that of the URL.
pub(super) fn of_url(
    url: &SecretString,
    username: Option<&str>,
    password: Option<&SecretString>,
) -> RedisResult<ConnectionInfo> {
    let info = url.expose_secret().into_connection_info()?;
    // The name of the client library would be one more command of each connection.
    let redis = info.redis_settings().clone().set_skip_set_lib_name();
    let redis = with_login(redis, username, password);
    Ok(info.set_tcp_settings(tcp_settings()).set_redis_settings(redis))
}

pub(super) fn of_address(
    node: &NodeAddress,
    username: Option<&str>,
    password: Option<&SecretString>,
    has_tls: bool,
) -> RedisResult<ConnectionInfo> {
    let NodeAddress { host, port } = node.clone();
    let address = if has_tls {
        ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
    } else {
        ConnectionAddr::Tcp(host, port)
    };
    let redis = RedisConnectionInfo::default().set_skip_set_lib_name();
    let redis = with_login(redis, username, password);
    let info = address.into_connection_info()?;
    Ok(info.set_tcp_settings(tcp_settings()).set_redis_settings(redis))
}

fn with_login(
    redis: RedisConnectionInfo,
    username: Option<&str>,
    password: Option<&SecretString>,
) -> RedisConnectionInfo {
    let Some(password) = password else { return redis };
    let redis = redis.set_password(password.expose_secret());
    match username {
        Some(username) => redis.set_username(username),
        None => redis,
    }
}

pub(super) fn tcp_settings() -> TcpSettings {
    let keepalive =
        TcpKeepalive::new().with_time(KEEPALIVE_AFTER).with_interval(KEEPALIVE_INTERVAL);
    TcpSettings::default().set_nodelay(true).set_keepalive(keepalive).set_user_timeout(USER_TIMEOUT)
}
