//! The sender of a laptop: messages are kept in Redis, and the local gateway shows them
//! at `/dev/inbox`.

use serde_json::json;
use std::sync::Arc;
use std::time::SystemTime;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{CodeSender, Message, SendError, Sending};
use crate::cache::Cache;

pub(super) struct Inbox {
    cache: Arc<Cache>,
}

impl Inbox {
    pub(super) const fn new(cache: Arc<Cache>) -> Self {
        Self { cache }
    }
}

impl CodeSender for Inbox {
    fn name(&self) -> &'static str {
        "inbox"
    }

    fn send<'a>(&'a self, message: &'a Message) -> Sending<'a> {
        Box::pin(async move {
            let at = OffsetDateTime::from(SystemTime::from(message.at));
            let line = json!({
                "to": message.to.as_e164(),
                "body": message.body.expose(),
                "code": message.code.expose(),
                "at": at.format(&Rfc3339).unwrap_or_default(),
            });
            let put = self.cache.put_inbox(&line.to_string()).await;
            put.map_err(|_| SendError::Unreachable(self.name()))
        })
    }
}
