//! Discards all running verifications, for a database that was restored: some of them were used, and no
//! row tells of it.

use redis::Value;

use crate::cache::error::CacheError;
use crate::cache::round_trip::Cache;

/// Keys that Redis looks at in one step.
const STEP: u32 = 1000;

impl Cache {
    /// Gives how many. None in a cluster: each of its nodes would have to be asked, and a verification
    /// ends 20 minutes after its request by itself.
    pub async fn discard_verifications(&self) -> Result<Option<u64>, CacheError> {
        if self.is_cluster() {
            return Ok(None);
        }
        let operation = "discard_verifications";
        let unexpected =
            |_| CacheError::UnexpectedData { operation, expected: "a cursor and keys" };
        let (mut cursor, mut discarded) = ("0".to_owned(), 0);
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(&cursor).arg("MATCH").arg("verification:*").arg("COUNT").arg(STEP);
            let reply = self.send(operation, vec![scan]).await?;
            let reply = reply.into_iter().next().unwrap_or(Value::Nil);
            let (next, keys): (String, Vec<String>) =
                redis::from_redis_value(reply).map_err(unexpected)?;
            if !keys.is_empty() {
                let mut unlink = redis::cmd("UNLINK");
                unlink.arg(&keys);
                self.send(operation, vec![unlink]).await?;
                discarded += u64::try_from(keys.len()).unwrap_or(u64::MAX);
            }
            if next == "0" {
                return Ok(Some(discarded));
            }
            cursor = next;
        }
    }
}
