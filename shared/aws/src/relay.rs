//! Where the relay delivers in AWS. The function `relay` alone links it.

use aws_config::SdkConfig;
use shared::clock::Clock;
use shared::relay::cloud::RelayCloud;
use shared::relay::roots::RootStore;
use shared::relay::security_log::SecurityLog;
use std::sync::Arc;

use crate::dynamodb::DynamoSecurityLog;
use crate::roots::S3Roots;

impl RelayCloud for RelayAws {
    fn security_log(&self, table: String, days: Option<u32>, clock: Clock) -> Arc<dyn SecurityLog> {
        Arc::new(DynamoSecurityLog::new(&self.0, table, days, clock))
    }

    fn roots(&self, bucket: String, key: String) -> Arc<dyn RootStore> {
        Arc::new(S3Roots::new(&self.0, bucket, key))
    }
}

/// The clients of the relay, by this configuration.
pub struct RelayAws(pub SdkConfig);
