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
//! | [`run`] | runs a function in AWS |
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
mod run;
mod secrets;
pub mod senders;

pub use aws_config::SdkConfig;
pub use cloud::Aws;
pub use run::{load, run, run_events, run_events_without_core, run_with_tasks};
