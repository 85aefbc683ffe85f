//! Redis as networks and operators treat it: connections are lost, servers change.
//!
//! | file | what it holds |
//! |---|---|
//! | [`connection`] | lost connections: no request fails for one that was lost while idle |
//! | [`failover`] | sentinels and a cluster: the scenarios, and a master that is killed |
//! | [`outages`] | Redis down, hanging, emptied, restarted, evicting |
//! | [`repeats`] | a call whose connection was lost is repeated, and nobody gains by it |

mod connection;
mod failover;
mod outages;
mod repeats;
mod scenarios;

use tests::stores::Stores;
use tests::{Proxy, Service};

/// A service that reaches the Redis at this URL through a proxy.
pub async fn behind_proxy(redis_url: &str, variables: &[(&str, &str)]) -> (Proxy, Service) {
    let (proxy, through) = Proxy::before(redis_url).await;
    let stores = Stores { redis_url: through, ..Stores::fresh().await };
    (proxy, Service::over(stores, variables).await)
}
