//! Reads an account, and its devices with their push tokens.

use domain::ids::{DeviceId, UserId};
use domain::phone::PhoneNumber;
use domain::second_factor::is_in_force;
use domain::time::Timestamp;
use std::time::SystemTime;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::store::connection::Store;
use crate::store::devices::list::ACTIVITY;
use crate::store::error::StoreError;
use crate::store::second_factor::reset_at::RESET_AT;
use crate::store::statement::{LazyStatement, Parameter, Statement, row_struct};

fn find(name: &'static str, condition: &str, parameter: (&'static str, Type)) -> Statement {
    let sql = format!(
        "SELECT u.id, u.phone_number, u.created_at, u.last_authenticated_at, u.two_factor_enabled,
                {RESET_AT} AS reset_at, u.recovery_code_hash IS NOT NULL AS registration_lock,
                (SELECT count(*) FROM auth.devices d WHERE d.user_id = u.id) AS devices,
                (SELECT r.released_at FROM auth.released_accounts r WHERE r.user_id = u.id)
                  AS released_at
           FROM auth.users_auth u WHERE {condition}"
    );
    Statement::new(name, &sql, [parameter])
}

static FIND_BY_USER: LazyStatement =
    LazyStatement::new(|| find("find_operator_account", "u.id = :user", ("user", Type::UUID)));

static FIND_BY_PHONE: LazyStatement = LazyStatement::new(|| {
    let phone = ("phone", Type::TEXT);
    find("find_operator_account_by_phone", "u.phone_number = :phone", phone)
});

row_struct! {
    struct AccountRow {
        id: Uuid,
        phone_number: Option<String>,
        created_at: SystemTime,
        last_authenticated_at: SystemTime,
        two_factor_enabled: bool,
        reset_at: Option<SystemTime>,
        registration_lock: bool,
        devices: i64,
        released_at: Option<SystemTime>,
    }
}

/// A row without a device for an account that has none.
static LIST_DEVICES: LazyStatement = LazyStatement::new(|| {
    let sql = format!(
        "SELECT u.device_list_version, d.id, d.device_fingerprint, d.device_name, d.device_type,
                d.model, d.os_version, d.app_version, d.fcm_token, d.apns_token,
                CASE WHEN EXISTS (SELECT FROM auth.identity_keys i WHERE i.device_id = d.id)
                THEN d.signal_device_id END AS signal_device_id,
                d.is_verified, d.created_at,
                {ACTIVITY}
           FROM auth.users_auth u LEFT JOIN auth.devices d ON d.user_id = u.id
          WHERE u.id = :user ORDER BY last_active DESC, d.id DESC"
    );
    let types = [("user", Type::UUID), ("now", Type::TIMESTAMPTZ)];
    Statement::new("list_operator_devices", &sql, types)
});

row_struct! {
    struct DeviceRow {
        device_list_version: i64,
        id: Option<Uuid>,
        device_fingerprint: Option<String>,
        device_name: Option<String>,
        device_type: Option<String>,
        model: Option<String>,
        os_version: Option<String>,
        app_version: Option<String>,
        fcm_token: Option<String>,
        apns_token: Option<String>,
        signal_device_id: Option<i16>,
        is_verified: Option<bool>,
        created_at: Option<SystemTime>,
        last_active: Option<SystemTime>,
        is_active: bool,
    }
}

pub(in crate::store) static STATEMENTS: &[&LazyStatement] =
    &[&FIND_BY_USER, &FIND_BY_PHONE, &LIST_DEVICES];

/// An account as operators see it.
#[derive(Clone, Debug)]
pub struct OperatorAccount {
    pub user: UserId,
    /// None if the number has another account now.
    pub phone: Option<PhoneNumber>,
    pub created_at: Timestamp,
    pub last_authenticated_at: Timestamp,
    pub has_second_factor: bool,
    /// When a reset that was asked for takes effect.
    pub second_factor_reset_at: Option<Timestamp>,
    pub has_registration_lock: bool,
    pub devices: i64,
    pub released_at: Option<Timestamp>,
}

/// A device as those see it that push to it.
#[derive(Clone)]
pub struct OperatorDevice {
    pub id: DeviceId,
    pub fingerprint: String,
    pub name: String,
    pub kind: String,
    pub model: Option<String>,
    pub os_version: Option<String>,
    pub app_version: Option<String>,
    pub fcm_token: Option<String>,
    pub apns_token: Option<String>,
    pub signal_device: Option<i16>,
    pub is_verified: bool,
    pub is_active: bool,
    pub last_active: Timestamp,
    pub created_at: Timestamp,
}

impl AccountRow {
    fn into_account(self, now: Timestamp) -> OperatorAccount {
        let reset_at = self.reset_at.map(Timestamp::from);
        OperatorAccount {
            user: UserId::from_uuid(self.id),
            phone: self.phone_number.and_then(|phone| PhoneNumber::from_stored(phone).ok()),
            created_at: self.created_at.into(),
            last_authenticated_at: self.last_authenticated_at.into(),
            has_second_factor: is_in_force(self.two_factor_enabled, reset_at, now),
            second_factor_reset_at: reset_at.filter(|at| *at > now),
            has_registration_lock: self.registration_lock,
            devices: self.devices,
            released_at: self.released_at.map(Timestamp::from),
        }
    }
}

impl DeviceRow {
    fn into_device(self) -> Option<OperatorDevice> {
        Some(OperatorDevice {
            id: DeviceId::from_uuid(self.id?),
            fingerprint: self.device_fingerprint?,
            name: self.device_name?,
            kind: self.device_type?,
            model: self.model,
            os_version: self.os_version,
            app_version: self.app_version,
            fcm_token: self.fcm_token,
            apns_token: self.apns_token,
            signal_device: self.signal_device_id,
            is_verified: self.is_verified?,
            is_active: self.is_active,
            last_active: self.last_active?.into(),
            created_at: self.created_at?.into(),
        })
    }
}

impl Store {
    pub async fn find_operator_account(
        &self,
        user: UserId,
        now: Timestamp,
    ) -> Result<Option<OperatorAccount>, StoreError> {
        let parameters: &[Parameter<'_>] = &[("user", user.as_uuid())];
        let row: Option<AccountRow> = self.fetch_optional(&FIND_BY_USER, parameters).await?;
        Ok(row.map(|row| row.into_account(now)))
    }

    /// The account that has this number now.
    pub async fn find_operator_account_by_phone(
        &self,
        phone: &PhoneNumber,
        now: Timestamp,
    ) -> Result<Option<OperatorAccount>, StoreError> {
        let parameters: &[Parameter<'_>] = &[("phone", &phone.as_e164())];
        let row: Option<AccountRow> = self.fetch_optional(&FIND_BY_PHONE, parameters).await?;
        Ok(row.map(|row| row.into_account(now)))
    }

    /// The devices of an account, the newest activity first, and the version of the list that others
    /// encrypt to. None if there is no such account.
    pub async fn list_operator_devices(
        &self,
        user: UserId,
        now: Timestamp,
    ) -> Result<Option<(i64, Vec<OperatorDevice>)>, StoreError> {
        let parameters: &[Parameter<'_>] =
            &[("user", user.as_uuid()), ("now", &SystemTime::from(now))];
        let rows: Vec<DeviceRow> = self.fetch_all(&LIST_DEVICES, parameters).await?;
        let Some(version) = rows.first().map(|row| row.device_list_version) else {
            return Ok(None);
        };
        Ok(Some((version, rows.into_iter().filter_map(DeviceRow::into_device).collect())))
    }
}
