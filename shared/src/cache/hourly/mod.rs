//! `hourly_events:{hourly_events}:{hour}`: failed log-ins and reached limits, counted by user and kind.
//! The relay reads the hours that are over, enters each count in the trail under an id of its own, and
//! deletes it then. A relay that dies in between finds the count again, and the entry too.

use domain::ids::UserId;
use domain::time::{Timestamp, millis_of};
use redis::Cmd;
use std::sync::LazyLock;
use std::time::Duration;
use uuid::Uuid;

use super::error::CacheError;
use super::round_trip::Cache;
use super::script::LuaScript;
use crate::audit::SecurityEvent;
use crate::limits::check::hash_tag;

const HOUR: Duration = Duration::from_hours(1);
/// A relay that stood still for less loses no count.
const KEPT: Duration = Duration::from_hours(72);
/// Hours before this one that are read.
const HOURS: u32 = 72;
/// How long after its end an hour may still be counted in: requests have the time of their arrival.
const GRACE: Duration = Duration::from_mins(2);
/// About how many counts are read at once.
const MOST: i64 = 1000;

static COUNT: LazyLock<LuaScript> =
    LazyLock::new(|| LuaScript::new("count_hourly_event", &[include_str!("count.lua")]));
static TAKE: LazyLock<LuaScript> =
    LazyLock::new(|| LuaScript::new("take_hourly_events", &[include_str!("take.lua")]));

/// What happened to a user within an hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HourlyCount {
    pub user: UserId,
    pub event: SecurityEvent,
    /// When the hour began.
    pub hour: Timestamp,
    pub count: i64,
}

impl HourlyCount {
    fn field(&self) -> String {
        field(self.user, self.event)
    }
}

fn field(user: UserId, event: SecurityEvent) -> String {
    format!("{user}:{}", event.name())
}

fn key(hour: Timestamp) -> String {
    format!("hourly_events:{}:{}", hash_tag("hourly_events"), hour.millis())
}

fn hour_of(at: Timestamp) -> Timestamp {
    let millis = at.millis();
    Timestamp::from_millis(millis - millis.rem_euclid(millis_of(HOUR)))
}

impl Cache {
    /// Counts an event in the hour of `now`. May count twice, never zero times.
    pub async fn count_hourly_event(
        &self,
        user: UserId,
        event: SecurityEvent,
        now: Timestamp,
    ) -> Result<(), CacheError> {
        let call = COUNT.call(now).keys([key(hour_of(now))]).arg(field(user, event));
        self.run(call.arg(millis_of(KEPT))).await.map(drop)
    }

    /// Counts of hours that are over, the oldest first. They stay until
    /// [`Cache::delete_hourly_counts`].
    pub async fn take_hourly_counts(&self, now: Timestamp) -> Result<Vec<HourlyCount>, CacheError> {
        let current = hour_of(now - GRACE);
        let hours: Vec<Timestamp> = (1..=HOURS).rev().map(|back| current - HOUR * back).collect();
        let keys = hours.iter().map(|hour| key(*hour));
        let mut reply = self.run(TAKE.call(now).keys(keys).arg(MOST)).await?;
        let mut counts = Vec::new();
        while let Some(place) = reply.next_if_any::<usize>("an hour")? {
            let (field, count): (String, i64) = (reply.next("a user")?, reply.next("a count")?);
            let hour = place.checked_sub(1).and_then(|place| hours.get(place));
            let hour = *hour.ok_or_else(|| reply.unexpected("an hour"))?;
            let (user, name) =
                field.split_once(':').ok_or_else(|| reply.unexpected("a user and a kind"))?;
            let user = Uuid::try_parse(user).map_err(|_| reply.unexpected("a user"))?;
            let known = SecurityEvent::HOURLY.into_iter().find(|event| event.name() == name);
            // Of another release, which enters it.
            let Some(event) = known else { continue };
            counts.push(HourlyCount { user: UserId::from_uuid(user), event, hour, count });
        }
        Ok(counts)
    }

    /// Deletes counts that are entered.
    pub async fn delete_hourly_counts(&self, entered: &[HourlyCount]) -> Result<(), CacheError> {
        let delete = |count: &HourlyCount| -> Cmd {
            let mut delete = redis::cmd("HDEL");
            delete.arg(key(count.hour)).arg(count.field());
            delete
        };
        if entered.is_empty() {
            return Ok(());
        }
        self.send("delete_hourly_counts", entered.iter().map(delete).collect()).await.map(drop)
    }
}
