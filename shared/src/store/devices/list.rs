//! The devices of a user.

use domain::device::DeviceType;
use domain::ids::{DeviceId, UserId};
use domain::time::Timestamp;
use std::time::SystemTime;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::store::connection::Store;
use crate::store::error::StoreError;
use crate::store::statement::{LazyStatement, Parameter, Statement, row_struct};
use crate::store::transaction::Transaction;

/// A device as its user sees it. Neither push tokens nor keys nor addresses.
#[derive(Clone, Debug)]
pub struct AccountDevice {
    pub id: DeviceId,
    pub name: String,
    pub kind: DeviceType,
    pub model: Option<String>,
    pub os_version: Option<String>,
    pub app_version: Option<String>,
    pub last_active: Timestamp,
    pub created_at: Timestamp,
    pub is_verified: bool,
    /// Whether it is logged in.
    pub is_active: bool,
}

/// Of the device `d`: when it was last active, and whether it is logged in, as its sessions tell.
pub(in crate::store) const ACTIVITY: &str = "greatest(d.last_active,
                  (SELECT max(rotated_at) FROM auth.sessions WHERE device_id = d.id))
                  AS last_active,
                d.is_active AND EXISTS (
                  SELECT FROM auth.sessions s
                   WHERE s.device_id = d.id AND s.revoked_at IS NULL AND s.expires_at > :now)
                  AS is_active";

/// The other columns of [`DeviceRow`], of the device `d`.
const COLUMNS: &str = "d.id, d.device_name, d.device_type, d.model, d.os_version,
                d.app_version, d.created_at, d.is_verified";

static LIST_DEVICES: LazyStatement = LazyStatement::new(|| {
    let sql = format!(
        "SELECT {COLUMNS},
                {ACTIVITY} FROM auth.devices d WHERE d.user_id = :user
          ORDER BY last_active DESC, d.id DESC"
    );
    Statement::new("list_devices", &sql, [("user", Type::UUID), ("now", Type::TIMESTAMPTZ)])
});

static FIND_DEVICE: LazyStatement = LazyStatement::new(|| {
    let sql = format!(
        "SELECT {COLUMNS},
                {ACTIVITY} FROM auth.devices d WHERE d.id = :device AND d.user_id = :user"
    );
    let types = [("user", Type::UUID), ("device", Type::UUID), ("now", Type::TIMESTAMPTZ)];
    Statement::new("find_device", &sql, types)
});

row_struct! {
    struct DeviceRow {
        id: Uuid,
        device_name: String,
        device_type: String,
        model: Option<String>,
        os_version: Option<String>,
        app_version: Option<String>,
        last_active: SystemTime,
        created_at: SystemTime,
        is_verified: bool,
        is_active: bool,
    }
}

pub(in crate::store) static STATEMENTS: &[&LazyStatement] = &[&LIST_DEVICES, &FIND_DEVICE];

impl Store {
    /// The devices of a user, the newest activity first.
    pub async fn list_devices(
        &self,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<AccountDevice>, StoreError> {
        let parameters: &[Parameter<'_>] =
            &[("user", user.as_uuid()), ("now", &SystemTime::from(now))];
        let rows: Vec<DeviceRow> = self.fetch_all(&LIST_DEVICES, parameters).await?;
        rows.into_iter().map(AccountDevice::try_from).collect()
    }

    /// A device, if it is the user's.
    pub async fn find_device(
        &self,
        user: UserId,
        device: DeviceId,
        now: Timestamp,
    ) -> Result<Option<AccountDevice>, StoreError> {
        let parameters: &[Parameter<'_>] = &[
            ("user", user.as_uuid()),
            ("device", device.as_uuid()),
            ("now", &SystemTime::from(now)),
        ];
        let row: Option<DeviceRow> = self.fetch_optional(&FIND_DEVICE, parameters).await?;
        row.map(AccountDevice::try_from).transpose()
    }
}

/// The same list within a transaction.
pub(in crate::store) async fn list_devices(
    transaction: &Transaction<'_>,
    user: UserId,
    now: Timestamp,
) -> Result<Vec<AccountDevice>, StoreError> {
    let parameters: &[Parameter<'_>] = &[("user", user.as_uuid()), ("now", &SystemTime::from(now))];
    let rows: Vec<DeviceRow> = transaction.fetch_all(&LIST_DEVICES, parameters).await?;
    rows.into_iter().map(AccountDevice::try_from).collect()
}

/// One device of the user within a transaction.
pub(super) async fn find_device(
    transaction: &Transaction<'_>,
    user: UserId,
    device: DeviceId,
    now: Timestamp,
) -> Result<Option<AccountDevice>, StoreError> {
    let parameters: &[Parameter<'_>] =
        &[("user", user.as_uuid()), ("device", device.as_uuid()), ("now", &SystemTime::from(now))];
    let row: Option<DeviceRow> = transaction.fetch_optional(&FIND_DEVICE, parameters).await?;
    row.map(AccountDevice::try_from).transpose()
}

impl TryFrom<DeviceRow> for AccountDevice {
    type Error = StoreError;

    fn try_from(row: DeviceRow) -> Result<Self, StoreError> {
        let kind = DeviceType::parse(&row.device_type)
            .map_err(|_| LIST_DEVICES.unexpected("device_type"))?;
        Ok(Self {
            id: DeviceId::from_uuid(row.id),
            name: row.device_name,
            kind,
            model: row.model,
            os_version: row.os_version,
            app_version: row.app_version,
            last_active: row.last_active.into(),
            created_at: row.created_at.into(),
            is_verified: row.is_verified,
            is_active: row.is_active,
        })
    }
}
