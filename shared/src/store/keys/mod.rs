//! The key directory: each device's identity key, signed prekey, one-time keys of both kinds
//! and Kyber key of last resort.
//!
//! | file | what it holds |
//! |---|---|
//! | `kind` | the two kinds of one-time keys |
//! | `entries` | one-time keys as bytes of a page |
//! | `pages` | the SQL fragments over pages and used keys |
//! | `publish` | all keys of a device, in the transaction of a log-in |
//! | `upload` | what every upload of one kind of key does first |
//! | `signed` | signed prekeys and keys of last resort |
//! | `one_time` | one-time keys of both kinds |
//! | `bundles` | the statement that hands keys out |
//! | `directory` | device lists and published keys |
//! | `status` | counts, and the clean-up of dead keys |
//! | `retired` | identity keys that may not come back |
//! | `delete` | takes keys out of the directory |
//! | `unproven` | ends the claim of a user who never proved an identity key |
//!
//! Locks are taken in one order everywhere: account, device, identity key, then pages of
//! one-time keys by device and kind.

pub(super) mod bundles;
pub(super) mod delete;
pub(super) mod directory;
mod entries;
mod kind;
pub(super) mod one_time;
pub(super) mod pages;
pub(super) mod publish;
pub(super) mod retired;
pub(super) mod signed;
pub(super) mod status;
pub(super) mod unproven;
pub(super) mod upload;

pub use bundles::{StoredBundle, StoredSignedKey, TakenBundles, Target};
pub use delete::Deletion;
pub use directory::{DeviceList, DeviceRow, PublishedKeys};
pub(in crate::store) use entries::KeyPage;
pub use entries::{StoredKey, StoredKyberKey};
pub use publish::{DeviceKeys, NewKeys};
pub use status::{KeyStats, KeyStatus};
pub use upload::{Upload, UploadedBy};
