//! `inbox`: messages that the local service shows on its inbox page and does not send.

use super::error::CacheError;
use super::round_trip::Cache;

const KEY: &str = "inbox";
const MAX_MESSAGES: i64 = 500;
const TTL_SECONDS: i64 = 24 * 3600;

impl Cache {
    /// Adds a message in front of the others.
    pub async fn put_inbox(&self, message: &str) -> Result<(), CacheError> {
        let mut pipe = redis::pipe();
        pipe.atomic().cmd("LPUSH").arg(KEY).arg(message).ignore();
        pipe.cmd("LTRIM").arg(KEY).arg(0).arg(MAX_MESSAGES - 1).ignore();
        pipe.cmd("EXPIRE").arg(KEY).arg(TTL_SECONDS).ignore();
        self.send("put_inbox", &pipe).await.map(drop)
    }

    /// The messages, the newest first.
    pub async fn inbox(&self) -> Result<Vec<String>, CacheError> {
        const OPERATION: &str = "read_inbox";
        let unexpected =
            || CacheError::UnexpectedData { operation: OPERATION, expected: "a list of messages" };
        let mut pipe = redis::pipe();
        pipe.cmd("LRANGE").arg(KEY).arg(0).arg(-1);
        let values = self.send(OPERATION, &pipe).await?;
        let list = values.into_iter().next().ok_or_else(unexpected)?;
        redis::from_redis_value(list).map_err(|_| unexpected())
    }
}
