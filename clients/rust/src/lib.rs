//! The internal operations of the auth service, for other services of the same house: read an account,
//! its devices and its sessions, and change them as an operator. Calls go to the function `internal` by
//! `lambda:InvokeFunction`. Who may call is decided by IAM alone.
//!
//! ```no_run
//! # #[cfg(feature = "client")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use auth_client::{AuthClient, GetUser};
//!
//! let aws = aws_config::load_defaults(aws_config::BehaviorVersion::latest()).await;
//! let auth = AuthClient::new(auth_client::aws_sdk_lambda::Client::new(&aws), "auth-internal");
//! let user = auth.get_user(GetUser::by_phone("+12025550123")).await?;
//! println!("{}", user.user_id);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "client"))]
//! # fn main() {}
//! ```
//!
//! | module | what it is |
//! |---|---|
//! | [`types`] | what the operations take and give; the function itself uses them too |
//! | `client` | [`AuthClient`], with the feature `client` (on by default) |
//! | `schemas` | the JSON Schemas of the types, with the feature `schemas` |

#[cfg(feature = "client")]
mod client;
#[cfg(feature = "schemas")]
pub mod schemas;
pub mod types;

#[cfg(feature = "client")]
pub use aws_sdk_lambda;
#[cfg(feature = "client")]
pub use client::{AuthClient, CallError};
pub use types::*;
