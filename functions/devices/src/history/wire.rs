//! Response bodies, and the positions that their cursors hold.

use domain::ids::EntryId;
use domain::time::Timestamp;
use serde::Serialize;
use shared::clock::date_time;
use shared::http::examples;
use shared::http::extract::cursor::Position;
use shared::store::devices::{LogIn, LogInPosition, SecurityEntry};
use utoipa::ToSchema;
use uuid::Uuid;

/// A page of the log-ins of an account.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({ "entries": [{
    "id": examples::ENTRY_ID,
    "deviceId": examples::DEVICE_ID,
    "deviceName": examples::DEVICE_NAME,
    "ipAddress": examples::ADDRESS,
    "status": "success",
    "createdAt": examples::TIMESTAMP,
}] }))]
pub struct LoginHistory {
    /// The newest first.
    #[schema(max_items = 50)]
    pub entries: Vec<LogInBody>,
    /// The `cursor` of the next page. Absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = LogIn)]
pub struct LogInBody {
    id: Uuid,
    /// Absent if the device was removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    device_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_name: Option<String>,
    ip_address: String,
    /// `success` or `failed`.
    status: String,
    #[schema(format = DateTime)]
    created_at: String,
}

impl From<LogIn> for LogInBody {
    fn from(entry: LogIn) -> Self {
        Self {
            id: *entry.position.id.as_uuid(),
            device_id: entry.device.map(|device| *device.as_uuid()),
            device_name: entry.device_name,
            ip_address: entry.address,
            status: entry.status,
            created_at: date_time(entry.position.at),
        }
    }
}

/// A page of the security events of an account.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({ "entries": [{
    "seq": 1,
    "event": "user_registered",
    "createdAt": examples::TIMESTAMP,
    "sessionId": examples::SESSION_ID,
    "ipAddress": examples::ADDRESS,
}] }))]
pub struct SecurityEvents {
    /// The newest first.
    #[schema(max_items = 50)]
    pub entries: Vec<SecurityEventBody>,
    /// The `cursor` of the next page. Absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SecurityEvent)]
pub struct SecurityEventBody {
    /// Its place in the log of this account: 1, 2, 3 …
    #[schema(minimum = 1)]
    seq: i64,
    /// What happened, as `user_logged_in` or `device_removed`. New kinds may be added.
    event: String,
    #[schema(format = DateTime)]
    created_at: String,
    /// The session that caused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<String>,
    /// The device that it was done to.
    #[serde(skip_serializing_if = "Option::is_none")]
    device_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip_address: Option<String>,
    /// `operator` if it was support, and not a device of the account.
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<String>,
    /// How often it happened, of events that are entered once an hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    count: Option<i64>,
    /// When that hour began.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    since: Option<String>,
}

impl From<SecurityEntry> for SecurityEventBody {
    fn from(SecurityEntry { seq, entry, address }: SecurityEntry) -> Self {
        let text = |name: &str| entry[name].as_str().map(str::to_owned);
        Self {
            seq,
            event: text("event").unwrap_or_default(),
            created_at: date_time(Timestamp::from_millis(entry["at"].as_i64().unwrap_or_default())),
            session_id: text("sessionId"),
            device_id: text("deviceId"),
            actor: text("actor"),
            ip_address: address.filter(|address| !address.is_empty()),
            count: entry["count"].as_i64(),
            since: entry["since"].as_i64().map(Timestamp::from_millis).map(date_time),
        }
    }
}

/// The position of a log-in, in a cursor.
pub struct LogInCursor(pub LogInPosition);

impl Position for LogInCursor {
    fn to_bytes(&self) -> Vec<u8> {
        [&self.0.at.millis().to_be_bytes()[..], self.0.id.as_uuid().as_bytes()].concat()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (at, id) = bytes.split_first_chunk()?;
        let at = Timestamp::from_millis(i64::from_be_bytes(*at));
        let is_time = (Timestamp::from_millis(0)..=LogInPosition::END.at).contains(&at);
        let id = EntryId::from_uuid(Uuid::from_slice(id).ok()?);
        is_time.then_some(Self(LogInPosition { at, id }))
    }
}

/// The place of a security event, in a cursor.
pub struct EventCursor(pub i64);

impl Position for EventCursor {
    fn to_bytes(&self) -> Vec<u8> {
        self.0.to_be_bytes().to_vec()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(|bytes| Self(i64::from_be_bytes(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_survives_its_cursor_and_no_other_text_is_one() {
        let id = EntryId::from_uuid(Uuid::from_u128(7));
        let position = LogInPosition { at: Timestamp::from_millis(1_800_000_000_123), id };
        let bytes = LogInCursor(position).to_bytes();
        assert_eq!(LogInCursor::from_bytes(&bytes).unwrap().0, position);
        let end = LogInCursor(LogInPosition::END).to_bytes();
        assert_eq!(LogInCursor::from_bytes(&end).unwrap().0, LogInPosition::END);
        let at = |millis: i64| [&millis.to_be_bytes()[..], &[0; 16]].concat();
        for bad in [vec![], bytes[1..].to_vec(), at(-1), at(i64::MAX), at(i64::MIN)] {
            assert!(LogInCursor::from_bytes(&bad).is_none(), "{bad:?}");
        }
        let bytes = EventCursor(51).to_bytes();
        assert_eq!(EventCursor::from_bytes(&bytes).unwrap().0, 51);
        assert!(EventCursor::from_bytes(&bytes[1..]).is_none());
    }
}
