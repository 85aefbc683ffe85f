//! `inbox`: messages that the local service shows on its inbox page and does not send.

use super::error::CacheError;
use super::round_trip::Cache;

const KEY: &str = "inbox";
const MAX_MESSAGES: i64 = 500;
const TTL_SECONDS: i64 = 24 * 3600;

impl Cache {
    /// Adds a message in front of the others. A repeated call adds it once.
    pub async fn put_inbox(&self, message: &str) -> Result<(), CacheError> {
        let commands = [
            redis::cmd("LREM").arg(KEY).arg(0).arg(message).to_owned(),
            redis::cmd("LPUSH").arg(KEY).arg(message).to_owned(),
            redis::cmd("LTRIM").arg(KEY).arg(0).arg(MAX_MESSAGES - 1).to_owned(),
            redis::cmd("EXPIRE").arg(KEY).arg(TTL_SECONDS).to_owned(),
        ];
        self.send("put_inbox", commands.into()).await.map(drop)
    }

    /// The messages, the newest first.
    pub async fn inbox(&self) -> Result<Vec<String>, CacheError> {
        const OPERATION: &str = "read_inbox";
        let unexpected =
            || CacheError::UnexpectedData { operation: OPERATION, expected: "a list of messages" };
        let read = redis::cmd("LRANGE").arg(KEY).arg(0).arg(-1).to_owned();
        let values = self.send(OPERATION, vec![read]).await?;
        let list = values.into_iter().next().ok_or_else(unexpected)?;
        redis::from_redis_value(list).map_err(|_| unexpected())
    }
}
