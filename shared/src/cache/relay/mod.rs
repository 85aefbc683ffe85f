//! `relay:{relay}:…`: whether the outbox may hold events, so that a scheduled relay asks Redis before it
//! wakes a database that sleeps; and `stream:user.registered`, for services that read Redis.
//!
//! The mark is written after a commit, under a token of its own. A relay that has found the outbox
//! empty deletes the mark that stood there before it looked, never a newer one.

use domain::time::{Timestamp, millis_of};
use redis::Value;
use std::sync::LazyLock;
use std::time::Duration;

use super::error::CacheError;
use super::round_trip::Cache;
use super::script::LuaScript;
use crate::limits::check::hash_tag;

/// Longer than a look counts: what it marks is found before.
const MARK_TTL: Duration = Duration::from_hours(72);
/// How long a relay that was invoked may take to begin, before others are invoked beside it.
const INVOCATION_TTL: Duration = Duration::from_secs(2);
/// After so long a scheduled relay looks at the outbox, whatever Redis says. Longer than a day: the daily
/// maintenance invokes a relay, and only where it does not run, the schedule wakes the database.
const LOOK_TTL: Duration = Duration::from_hours(25);
/// The published name: services read it.
const STREAM: &str = "stream:user.registered";
const STREAM_ENTRIES: u32 = 100_000;
const STREAM_TTL: Duration = Duration::from_hours(30 * 24);

static FORGET: LazyLock<LuaScript> =
    LazyLock::new(|| LuaScript::new("forget_invocation", &[include_str!("forget.lua")]));
static LOOKED: LazyLock<LuaScript> =
    LazyLock::new(|| LuaScript::new("note_look", &[include_str!("looked.lua")]));
static REGISTERED: LazyLock<LuaScript> =
    LazyLock::new(|| LuaScript::new("add_registration", &[include_str!("registered.lua")]));

/// What Redis knows of the outbox.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutboxMark {
    /// Of the newest mark.
    pub token: Option<String>,
    /// Of the newest mark since a root of the audit chains was published.
    pub unrooted: Option<String>,
    /// Whether a relay has looked within 25 hours.
    pub is_looked_at: bool,
}

fn key(name: &str) -> String {
    format!("relay:{}:{name}", hash_tag("relay"))
}

fn marks(token: &str) -> [redis::Cmd; 2] {
    ["queued", "unrooted"].map(|name| {
        let mut mark = redis::cmd("SET");
        mark.arg(key(name)).arg(token).arg("PX").arg(millis_of(MARK_TTL));
        mark
    })
}

impl Cache {
    /// Marks the outbox as not empty for what the relay itself is about to enter.
    pub async fn mark_entries(&self, token: &str) -> Result<(), CacheError> {
        self.send("mark_entries", marks(token).into()).await.map(drop)
    }

    /// Marks the outbox as not empty. False if a relay was invoked a moment ago and has not begun.
    pub async fn mark_outbox(&self, token: &str) -> Result<bool, CacheError> {
        const OPERATION: &str = "mark_outbox";
        let [mark, unrooted] = marks(token);
        let mut invoked = redis::cmd("SET");
        invoked.arg(key("invoked")).arg(token).arg("NX").arg("PX").arg(millis_of(INVOCATION_TTL));
        // A repeat finds its own token.
        let mut by = redis::cmd("GET");
        by.arg(key("invoked"));
        let values = self.send(OPERATION, vec![mark, unrooted, invoked, by]).await?;
        let by = values.into_iter().next_back().unwrap_or(Value::Nil);
        let by: Option<String> = redis::from_redis_value(by).map_err(|_| {
            CacheError::UnexpectedData { operation: OPERATION, expected: "a token" }
        })?;
        Ok(by.is_none_or(|by| by == token))
    }

    /// The relay was not invoked after all: the next commit invokes it.
    pub async fn forget_invocation(&self, token: &str) -> Result<(), CacheError> {
        let now = Timestamp::from_millis(0);
        self.run(FORGET.call(now).keys([key("invoked")]).arg(token)).await.map(drop)
    }

    /// What a relay reads before it looks at the outbox. From then on commits invoke another one.
    pub async fn begin_relay(&self) -> Result<OutboxMark, CacheError> {
        const OPERATION: &str = "begin_relay";
        let unexpected =
            |_| CacheError::UnexpectedData { operation: OPERATION, expected: "a token and a time" };
        let mut begun = redis::cmd("DEL");
        begun.arg(key("invoked"));
        let get = |name| {
            let mut get = redis::cmd("GET");
            get.arg(key(name));
            get
        };
        let read = ["queued", "unrooted", "looked"].map(get);
        let commands = std::iter::once(begun).chain(read).collect();
        let mut values = self.send(OPERATION, commands).await?.into_iter().skip(1);
        let mut next = || -> Result<Option<String>, CacheError> {
            redis::from_redis_value(values.next().unwrap_or(Value::Nil)).map_err(unexpected)
        };
        let (token, unrooted, looked) = (next()?, next()?, next()?);
        Ok(OutboxMark { token, unrooted, is_looked_at: looked.is_some() })
    }

    /// A root was published over all that was committed before this mark was read. A newer one stays.
    pub async fn note_root(&self, unrooted: &str, now: Timestamp) -> Result<(), CacheError> {
        self.run(FORGET.call(now).keys([key("unrooted")]).arg(unrooted)).await.map(drop)
    }

    /// The outbox was looked at. If it was empty, the mark that was read before the look goes.
    pub async fn note_look(&self, empty: Option<&str>, now: Timestamp) -> Result<(), CacheError> {
        let call = LOOKED.call(now).keys([key("queued"), key("looked")]);
        self.run(call.arg(empty.unwrap_or_default()).arg(millis_of(LOOK_TTL))).await.map(drop)
    }

    /// Adds to the stream of registrations. May add twice, never zero times.
    pub async fn add_registration(
        &self,
        user: &str,
        phone: &str,
        at: i64,
        now: Timestamp,
    ) -> Result<(), CacheError> {
        let call = REGISTERED.call(now).keys([STREAM]).arg(user).arg(phone).arg(at);
        self.run(call.arg(STREAM_ENTRIES).arg(millis_of(STREAM_TTL))).await.map(drop)
    }
}
