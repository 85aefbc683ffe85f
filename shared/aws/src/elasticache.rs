//! ElastiCache: where a cache is, and the passwords of users that log in by IAM.

use aws_config::SdkConfig;
use aws_sdk_elasticache::Client;
use aws_sdk_elasticache::types::{Endpoint, ReplicationGroup};
use secrecy::SecretString;
use shared::cloud::{CacheEndpoint, CacheName, CloudError};
use shared::percent::percent_encode;

use crate::error::{cloud_error, unexpected};
use crate::presign::Signer;

const SERVICE: &str = "ElastiCache";
const DESCRIBE_GROUPS: &str = "DescribeReplicationGroups";
const DESCRIBE_SERVERLESS: &str = "DescribeServerlessCaches";
const SIGNER: Signer = Signer { service: SERVICE, signing_name: "elasticache" };
const DEFAULT_PORT: u16 = 6379;

/// A password for one new connection of a user.
pub(crate) async fn password(
    config: &SdkConfig,
    cache: &CacheName,
    user: &str,
) -> Result<SecretString, CloudError> {
    let user = percent_encode(user);
    let request = match cache {
        CacheName::ReplicationGroup(id) => {
            format!("{}/?Action=connect&User={user}", id.to_lowercase())
        }
        CacheName::Serverless(name) => {
            let name = name.to_lowercase();
            format!("{name}/?Action=connect&User={user}&ResourceType=ServerlessCache")
        }
    };
    SIGNER.password(config, &request).await
}

/// Where a cache is now.
pub(crate) async fn endpoint(
    config: &SdkConfig,
    cache: &CacheName,
) -> Result<CacheEndpoint, CloudError> {
    let client = Client::new(config);
    match cache {
        CacheName::ReplicationGroup(id) => {
            let asked = client.describe_replication_groups().replication_group_id(id).send().await;
            let answer = asked.map_err(|error| cloud_error(SERVICE, DESCRIBE_GROUPS, &error))?;
            let group = answer.replication_groups.unwrap_or_default().into_iter().next();
            group.as_ref().and_then(of_group).ok_or_else(|| unexpected(SERVICE, DESCRIBE_GROUPS))
        }
        CacheName::Serverless(name) => {
            let asked = client.describe_serverless_caches().serverless_cache_name(name).send();
            let answer =
                asked.await.map_err(|error| cloud_error(SERVICE, DESCRIBE_SERVERLESS, &error))?;
            let cache = answer.serverless_caches.unwrap_or_default().into_iter().next();
            // Serverless caches always are clusters with TLS.
            cache
                .and_then(|cache| at(cache.endpoint.as_ref(), true, true))
                .ok_or_else(|| unexpected(SERVICE, DESCRIBE_SERVERLESS))
        }
    }
}

/// A cluster has a configuration endpoint. Else the primary's name follows a failover.
fn of_group(group: &ReplicationGroup) -> Option<CacheEndpoint> {
    let has_tls = group.transit_encryption_enabled.unwrap_or_default();
    if group.cluster_enabled.unwrap_or_default() {
        return at(group.configuration_endpoint.as_ref(), true, has_tls);
    }
    let primary = group.node_groups().first()?.primary_endpoint.as_ref();
    at(primary, false, has_tls)
}

fn at(endpoint: Option<&Endpoint>, is_cluster: bool, has_tls: bool) -> Option<CacheEndpoint> {
    let endpoint = endpoint?;
    let host = endpoint.address.clone().filter(|host| !host.is_empty())?;
    let port = endpoint.port.and_then(|port| u16::try_from(port).ok());
    Some(CacheEndpoint { host, port: port.unwrap_or(DEFAULT_PORT), is_cluster, has_tls })
}
