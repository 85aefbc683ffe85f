//! The append-only security log in DynamoDB: partition key `user`, sort key `seq`. The rights of the
//! functions hold no update and no deletion.

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use shared::audit::chain::ChainEntry;
use shared::clock::Clock;
use shared::cloud::{CloudError, CloudFuture};
use shared::relay::security_log::{LogEntry, LogPage, Put, SecurityLog, Timestamp, UserId};
use std::collections::HashMap;
use std::time::Duration;

use crate::error::{cloud_error, unexpected};

const SERVICE: &str = "DynamoDB";
/// Entries of a page.
const PAGE: i32 = 500;
const DAY: i64 = 24 * 3600;
/// So long before its time an entry counts as expired: the next one may expire earlier, since the clocks
/// of functions differ.
const EXPIRY_MARGIN: Duration = Duration::from_hours(24);

pub struct DynamoSecurityLog {
    client: Client,
    table: String,
    /// After so many days an entry expires.
    days: Option<u32>,
    clock: Clock,
}

type Item = HashMap<String, AttributeValue>;

impl DynamoSecurityLog {
    #[must_use]
    pub fn new(config: &SdkConfig, table: String, days: Option<u32>, clock: Clock) -> Self {
        Self { client: Client::new(config), table, days, clock }
    }

    fn item(&self, user: UserId, entry: &ChainEntry, created_at: Timestamp) -> Item {
        let number = |value: i64| AttributeValue::N(value.to_string());
        let mut item: Item = [
            ("user", AttributeValue::S(user.to_string())),
            ("seq", number(entry.seq)),
            ("hash", AttributeValue::B(Blob::new(entry.hash.clone()))),
            ("entry", AttributeValue::S(entry.entry.clone())),
            ("createdAt", number(created_at.millis())),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        if let Some(days) = self.days {
            let expires_at = created_at.seconds() + i64::from(days) * DAY;
            item.insert("expiresAt".to_owned(), number(expires_at));
        }
        item
    }

    async fn put_item(&self, item: Item) -> Result<Put, CloudError> {
        const OPERATION: &str = "PutItem";
        let hash = item.get("hash").cloned();
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item));
        let put = put
            .condition_expression("attribute_not_exists(seq)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let Err(error) = put.send().await else { return Ok(Put::Kept) };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                let there = failed.item.as_ref().and_then(|item| item.get("hash")).cloned();
                Ok(if there == hash { Put::Kept } else { Put::Conflict })
            }
            _ => Err(cloud_error(SERVICE, OPERATION, &error)),
        }
    }

    async fn query(&self, user: UserId, after: i64) -> Result<LogPage, CloudError> {
        const OPERATION: &str = "Query";
        let query = self.client.query().table_name(&self.table).consistent_read(true).limit(PAGE);
        let query = query
            .key_condition_expression("#user = :user AND #seq > :after")
            .expression_attribute_names("#user", "user")
            .expression_attribute_names("#seq", "seq")
            .expression_attribute_values(":user", AttributeValue::S(user.to_string()))
            .expression_attribute_values(":after", AttributeValue::N(after.to_string()));
        let page = query.send().await.map_err(|error| cloud_error(SERVICE, OPERATION, &error))?;
        let is_last = page.last_evaluated_key.is_none_or(|key| key.is_empty());
        let read =
            |item: &Item| Some(LogEntry { entry: entry(item)?, is_expired: self.is_expired(item) });
        let entries: Option<Vec<LogEntry>> =
            page.items.unwrap_or_default().iter().map(read).collect();
        let entries = entries.ok_or_else(|| unexpected(SERVICE, OPERATION))?;
        Ok(LogPage { entries, is_last })
    }

    /// By its own time, or by the days of now: they may be fewer than when it was written, and younger
    /// entries then expire before it.
    fn is_expired(&self, item: &Item) -> bool {
        let number = |name: &str| item.get(name)?.as_n().ok()?.parse::<i64>().ok();
        let by_days = || {
            let created_at = Timestamp::from_millis(number("createdAt")?);
            Some(created_at.seconds() + i64::from(self.days?) * DAY)
        };
        let soon = (self.clock.now() + EXPIRY_MARGIN).seconds();
        [number("expiresAt"), by_days()].into_iter().flatten().any(|expires_at| expires_at <= soon)
    }
}

fn entry(item: &Item) -> Option<ChainEntry> {
    let seq = item.get("seq")?.as_n().ok()?.parse().ok()?;
    let hash = item.get("hash")?.as_b().ok()?.as_ref().to_vec();
    let entry = item.get("entry")?.as_s().ok()?.clone();
    Some(ChainEntry { seq, hash, entry, personal: None })
}

impl SecurityLog for DynamoSecurityLog {
    fn put<'a>(
        &'a self,
        user: UserId,
        entry: &'a ChainEntry,
        created_at: Timestamp,
    ) -> CloudFuture<'a, Put> {
        Box::pin(self.put_item(self.item(user, entry, created_at)))
    }

    fn read(&self, user: UserId, after: i64) -> CloudFuture<'_, LogPage> {
        Box::pin(self.query(user, after))
    }

    fn has_retention(&self) -> bool {
        self.days.is_some()
    }
}
