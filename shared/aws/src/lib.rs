//! AWS, where the service runs in it: what [`shared::cloud`] asks for, the senders of SMS, and
//! where the relay delivers. Only this crate knows the SDK.
//!
//! | module | what it is |
//! |---|---|
//! | [`client`] | region, credentials, time-outs and repeats of all clients |
//! | [`cloud`] | secrets, logins, addresses and invocations |
//! | [`dynamodb`] | the append-only security log |
//! | `elasticache`, `rds` | where a cache is; passwords of caches and databases |
//! | `presign` | the signed requests that these passwords are |
//! | `error` | errors of the clients, without the text of a service |
//! | `invoke` | invocations of other functions |
//! | [`relay`] | where the relay delivers |
//! | [`roots`] | signed roots of the security log |
//! | [`rotation`] | the versions of a secret while it rotates |
//! | `secrets` | secrets of Secrets Manager |
//! | [`senders`] | SMS by SNS and by End User Messaging |

pub mod client;
pub mod cloud;
pub mod dynamodb;
mod elasticache;
mod error;
mod invoke;
mod presign;
mod rds;
pub mod relay;
pub mod roots;
pub mod rotation;
mod secrets;
pub mod senders;

pub use aws_config::SdkConfig;
pub use cloud::Aws;

use shared::cloud::CloudHandle;
use std::sync::Arc;

/// The AWS that this process runs in. Region and credentials are read here, once for all clients.
#[must_use]
pub fn load() -> Arc<Aws> {
    Arc::new(Aws::new(client::load()))
}

/// The same for a function that needs nothing of AWS but what [`shared::cloud`] asks for.
#[must_use]
pub fn load_cloud() -> CloudHandle {
    Some(load())
}
