//! Pages of a user's log-ins and security events, the newest first.

use domain::ids::{DeviceId, EntryId, UserId};
use domain::time::Timestamp;
use serde_json::Value;
use std::time::SystemTime;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::store::connection::Store;
use crate::store::error::StoreError;
use crate::store::statement::{LazyStatement, Parameter, Statement, row_struct};

/// A log-in.
#[derive(Clone, Debug)]
pub struct LogIn {
    pub position: LogInPosition,
    /// None if the device was removed.
    pub device: Option<DeviceId>,
    pub device_name: Option<String>,
    pub address: String,
    pub status: String,
}

/// Where a log-in stands in the history: many may have the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogInPosition {
    pub at: Timestamp,
    pub id: EntryId,
}

impl LogInPosition {
    /// After every log-in.
    pub const END: Self = Self {
        at: Timestamp::from_millis(253_402_300_799_999),
        id: EntryId::from_uuid(Uuid::max()),
    };
}

/// A security event.
#[derive(Clone, Debug)]
pub struct SecurityEntry {
    /// Its place in the user's chain.
    pub seq: i64,
    /// As the hash covers it: a JSON object.
    pub entry: Value,
    /// None where it is unknown, or erased.
    pub address: Option<String>,
}

static LIST_LOG_INS: LazyStatement = LazyStatement::new(|| {
    Statement::new(
        "list_log_ins",
        "SELECT h.id, h.device_id, d.device_name, h.ip_address, h.status, h.created_at
           FROM auth.login_history h LEFT JOIN auth.devices d ON d.id = h.device_id
          WHERE h.user_id = :user AND (h.created_at, h.id) < (:before, :before_id)
          ORDER BY h.created_at DESC, h.id DESC LIMIT :most",
        [
            ("user", Type::UUID),
            ("before", Type::TIMESTAMPTZ),
            ("before_id", Type::UUID),
            ("most", Type::INT8),
        ],
    )
});

row_struct! {
    struct LogInRow {
        id: Uuid,
        device_id: Option<Uuid>,
        device_name: Option<String>,
        ip_address: String,
        status: String,
        created_at: SystemTime,
    }
}

static LIST_SECURITY_EVENTS: LazyStatement = LazyStatement::new(|| {
    Statement::new(
        "list_security_events",
        "SELECT seq, entry, personal->'address'->>'value' AS address
           FROM auth.security_events
          WHERE user_id = :user AND seq < :before ORDER BY seq DESC LIMIT :most",
        [("user", Type::UUID), ("before", Type::INT8), ("most", Type::INT8)],
    )
});

row_struct! {
    struct SecurityRow { seq: i64, entry: String, address: Option<String> }
}

pub(in crate::store) static STATEMENTS: &[&LazyStatement] = &[&LIST_LOG_INS, &LIST_SECURITY_EVENTS];

impl Store {
    /// The log-ins of a user before a position.
    pub async fn list_log_ins(
        &self,
        user: UserId,
        before: LogInPosition,
        most: i64,
    ) -> Result<Vec<LogIn>, StoreError> {
        let parameters: &[Parameter<'_>] = &[
            ("user", user.as_uuid()),
            ("before", &SystemTime::from(before.at)),
            ("before_id", before.id.as_uuid()),
            ("most", &most),
        ];
        let rows: Vec<LogInRow> = self.fetch_all(&LIST_LOG_INS, parameters).await?;
        let log_ins = rows.into_iter().map(|row| LogIn {
            position: LogInPosition { at: row.created_at.into(), id: EntryId::from_uuid(row.id) },
            device: row.device_id.map(DeviceId::from_uuid),
            device_name: row.device_name,
            address: row.ip_address,
            status: row.status,
        });
        Ok(log_ins.collect())
    }

    /// The security events of a user before a place in its chain.
    pub async fn list_security_events(
        &self,
        user: UserId,
        before: i64,
        most: i64,
    ) -> Result<Vec<SecurityEntry>, StoreError> {
        let parameters: &[Parameter<'_>] =
            &[("user", user.as_uuid()), ("before", &before), ("most", &most)];
        let rows: Vec<SecurityRow> = self.fetch_all(&LIST_SECURITY_EVENTS, parameters).await?;
        let entries = rows.into_iter().map(|row| {
            let entry = serde_json::from_str(&row.entry)
                .map_err(|_| LIST_SECURITY_EVENTS.unexpected("entry"))?;
            Ok(SecurityEntry { seq: row.seq, entry, address: row.address })
        });
        entries.collect()
    }
}
