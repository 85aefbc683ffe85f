//! The local sender: messages are kept in Redis, and the local gateway shows them at
//! `/dev/inbox`.

use secrecy::ExposeSecret;
use serde_json::json;
use std::sync::Arc;

use super::{CodeSender, Message, Role, SendError, Sending};
use crate::cache::Cache;
use crate::clock::date_time;

pub struct Inbox {
    cache: Arc<Cache>,
}

impl Inbox {
    #[must_use]
    pub const fn new(cache: Arc<Cache>) -> Self {
        Self { cache }
    }
}

impl CodeSender for Inbox {
    fn name(&self) -> &'static str {
        "inbox"
    }

    fn send<'a>(&'a self, message: &'a Message, _: Role) -> Sending<'a> {
        Box::pin(async move {
            let line = json!({
                "to": message.to.as_e164(),
                "body": message.body.expose_secret(),
                "code": message.code.as_ref().map(ExposeSecret::expose_secret),
                "at": date_time(message.at),
            });
            let put = self.cache.put_inbox(&line.to_string()).await;
            put.map(|()| None).map_err(|_| SendError::Unreachable(self.name()))
        })
    }
}
