//! The cache of ElastiCache that is named in place of an address, and where it is when the
//! process starts.

use std::time::Duration;

use crate::cloud::{CacheEndpoint, CacheName, CloudHandle};
use crate::secrets::Lookup;
use crate::telemetry::ErrorChain;

pub(super) const REPLICATION_GROUP: &str = "ELASTICACHE_REPLICATION_GROUP_ID";
pub(super) const SERVERLESS: &str = "ELASTICACHE_SERVERLESS_NAME";
/// With one of these, nothing is looked up.
const ADDRESSES: [&str; 4] =
    ["REDIS_URL", "REDIS_URL_SECRET_ID", "REDIS_SENTINEL_NODES", "REDIS_CLUSTER_NODES"];
/// How long the start of a process waits for the answer. The first connection asks again.
const DEADLINE: Duration = Duration::from_secs(3);

/// The name, and the variable that gives it.
pub(super) fn cache_name(
    mut read: impl FnMut(&str) -> Option<String>,
) -> Option<(CacheName, &'static str)> {
    // Both are read, whatever the first holds.
    let (group, serverless) = (read(REPLICATION_GROUP), read(SERVERLESS));
    let group = group.map(|id| (CacheName::ReplicationGroup(id), REPLICATION_GROUP));
    group.or(serverless.map(|name| (CacheName::Serverless(name), SERVERLESS)))
}

/// Where the named cache is, if a name is all that is given.
pub(super) async fn discover(cloud: &CloudHandle, lookup: &Lookup) -> Option<CacheEndpoint> {
    let read = |name: &str| lookup(name).filter(|value| !value.trim().is_empty());
    let cloud = cloud.as_ref()?;
    let (name, _) = cache_name(|name| read(name).map(|value| value.trim().to_owned()))?;
    if ADDRESSES.into_iter().any(|name| read(name).is_some()) {
        return None;
    }
    match tokio::time::timeout(DEADLINE, cloud.cache_endpoint(&name)).await {
        Ok(Ok(endpoint)) => Some(endpoint),
        Ok(Err(error)) => {
            tracing::warn!(error = %ErrorChain(&error), "failed to discover the cache");
            None
        }
        Err(_) => {
            tracing::warn!("failed to discover the cache in time");
            None
        }
    }
}
