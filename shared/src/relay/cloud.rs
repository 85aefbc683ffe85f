//! What only the relay needs of a cloud. It is not in [`crate::cloud`]: each function would link it.

use std::sync::Arc;

use super::roots::RootStore;
use super::security_log::SecurityLog;
use crate::clock::Clock;

pub trait RelayCloud: Send + Sync {
    /// The log in this table, whose entries expire after so many days.
    fn security_log(&self, table: String, days: Option<u32>, clock: Clock) -> Arc<dyn SecurityLog>;

    /// Roots in this bucket, signed by this key.
    fn roots(&self, bucket: String, key: String) -> Arc<dyn RootStore>;
}
