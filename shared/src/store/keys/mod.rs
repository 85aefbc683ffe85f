//! The key directory: each device's identity key, signed prekey, one-time keys of both kinds
//! and Kyber key of last resort.
//!
//! | file | what it holds |
//! |---|---|
//! | `kind` | the two kinds of one-time keys, and the SQL fragments over their tables |
//! | `publish` | all keys of a device, in the transaction of a log-in |
//! | `upload` | what every upload of one kind of key does first |
//! | `signed` | signed prekeys and keys of last resort |
//! | `one_time` | one-time keys of both kinds |
//! | `bundles` | the statement that hands keys out |
//! | `prekeys_low` | the outbox event that tells a device to upload |
//! | `directory` | device lists and published keys |
//! | `status` | counts, and the clean-up of dead keys |
//! | `delete` | takes keys out of the directory |
//!
//! Locks are taken in one order everywhere: account, device, identity key, one-time keys.

pub(super) mod bundles;
pub(super) mod delete;
pub(super) mod directory;
mod kind;
pub(super) mod one_time;
pub(super) mod prekeys_low;
pub(super) mod publish;
pub(super) mod signed;
pub(super) mod status;
pub(super) mod upload;

pub use bundles::{StoredBundle, StoredKey, StoredKyberKey, StoredSignedKey, Target};
pub use directory::{DeviceList, DeviceRow, PublishedKeys};
pub use publish::{DeviceKeys, NewKeys};
pub use status::{KeyStats, KeyStatus};
pub use upload::Upload;
